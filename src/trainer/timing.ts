/** Steps whose speed counts for the time left: enough to be steady, few enough to follow the machine. */
const recentSteps = 50;

/** Evaluating an image costs about a third of training on it: forward without backward. */
const evaluationCostPerTrainingCost = 1 / 3;

export interface RemainingWork {
  steps: number;
  evaluations: number;
  diagnostics: number;
  checkpoints: number;
}

/** Times of this session's steps and of what comes between them, kept apart. */
export interface Timing {
  addStep(seconds: number): void;
  addEvaluation(seconds: number): void;
  addDiagnostics(seconds: number): void;
  addCheckpoint(seconds: number): void;
  /** Of the recent steps; null before the first. */
  samplesPerSecond(): number | null;
  /** Of all steps but the first, which compiles and warms up. */
  medianSamplesPerSecond(): number | null;
  /** Of all that is to come; null before the first step. */
  secondsLeft(remaining: RemainingWork): number | null;
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/**
 * @param evaluationImages Images of one evaluation, for the estimate before the first was timed.
 */
export function createTiming(batchSize: number, evaluationImages: number): Timing {
  const stepSeconds: number[] = [];
  let evaluationSeconds: number | null = null;
  let diagnosticsSeconds = 0;
  let checkpointSeconds = 0;
  // The first step compiles: it counts only while there is no other.
  const warm = (): number[] => (stepSeconds.length > 1 ? stepSeconds.slice(1) : stepSeconds);
  const recentStepSeconds = (): number | null =>
    stepSeconds.length === 0
      ? null
      : median(stepSeconds.slice(Math.max(stepSeconds.length > 1 ? 1 : 0, stepSeconds.length - recentSteps)));
  return {
    addStep: (seconds) => void stepSeconds.push(seconds),
    addEvaluation: (seconds) => void (evaluationSeconds = seconds),
    addDiagnostics: (seconds) => void (diagnosticsSeconds = seconds),
    addCheckpoint: (seconds) => void (checkpointSeconds = seconds),
    samplesPerSecond() {
      const seconds = recentStepSeconds();
      return seconds === null ? null : batchSize / seconds;
    },
    medianSamplesPerSecond: () => (stepSeconds.length === 0 ? null : batchSize / median(warm())),
    secondsLeft({ steps, evaluations, diagnostics, checkpoints }) {
      const seconds = recentStepSeconds();
      if (seconds === null) return null;
      const anEvaluation =
        evaluationSeconds ?? (seconds / batchSize) * evaluationImages * evaluationCostPerTrainingCost;
      const between = evaluations * anEvaluation + diagnostics * diagnosticsSeconds + checkpoints * checkpointSeconds;
      return steps * seconds + between;
    },
  };
}
