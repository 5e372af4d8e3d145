import { machinePrefix } from './machineHealth.ts';

/**
 * Names of metric series: `train/…` per step (mini-batch, before its update), `validation/…`,
 * `trainMean/…` (mean of the mini-batch values since the last evaluation) and `gap/loss`
 * (validation loss − trainMean loss) at evaluations; steps count updates done so far.
 */
export const metricSeries = {
  trainLoss: 'train/loss',
  trainAccuracy: 'train/accuracy',
  /** What the method adds to the loss, as gamma decay does; not part of `train/loss`. */
  penalty: 'train/penalty',
  trainMeanLoss: 'trainMean/loss',
  trainMeanAccuracy: 'trainMean/accuracy',
  validationLoss: 'validation/loss',
  validationAccuracy: 'validation/accuracy',
  gapLoss: 'gap/loss',
  /** Of a student unit and its teacher, at evaluations: ‖w̃ − w*‖², γ = ‖w̃‖, R = cos(w̃, w*) and L = ‖w‖. */
  teacherDistance: 'teacher/distance',
  studentScale: 'teacher/gamma',
  teacherOverlap: 'teacher/overlap',
  studentLength: 'teacher/length',
  learningRate: 'learningRate',
  /** Wall-clock seconds of training since the run's first step, at evaluations; not deterministic. */
  elapsedSeconds: 'time/elapsedSeconds',
  samplesPerSecond: 'time/samplesPerSecond',
} as const;

/** Mean over channels of γ² of one normalized layer. */
export function gammaSquaredSeries(layer: string): string {
  return `gammaSquared/${layer}`;
}

/** True for series that measure the machine, not the network (`time/…`, `machine/…`): they differ between equal runs. */
export function isTimingSeries(series: string): boolean {
  return series.startsWith('time/') || series.startsWith(machinePrefix);
}

/** Points of one series, steps ascending. */
export interface SeriesPoints {
  steps: Float64Array;
  values: Float64Array;
}

/** Steps of a series whose points were recorded and cannot be read any more. */
export interface MissingSteps {
  firstStep: number;
  lastStep: number;
  /** Points that were recorded there. */
  pointCount: number;
}

/** The latest figures of a run, small enough for every list. */
export interface RunProgress {
  step: number;
  totalSteps: number;
  epoch: number;
  trainLoss: number | null;
  validationLoss: number | null;
  validationAccuracy: number | null;
  samplesPerSecond: number | null;
  secondsLeft: number | null;
  residentMemoryBytes: number | null;
  tensorCount: number | null;
}

/** What a finished run comes to. */
export interface RunSummary {
  steps: number;
  epochs: number;
  /** Training loss and accuracy: mean over the mini-batches of the last evaluation interval. */
  trainLoss: number | null;
  trainAccuracy: number | null;
  validationLoss: number | null;
  validationAccuracy: number | null;
  bestValidationLoss: number | null;
  bestValidationAccuracy: number | null;
  /** Median over the run, evaluation and checkpoints not counted. */
  samplesPerSecond: number | null;
  durationSeconds: number;
  /** Peak resident memory of the trainer. */
  peakMemoryBytes: number | null;
  /** For a diverged run: the last step whose loss was finite. */
  lastFiniteStep: number | null;
}
