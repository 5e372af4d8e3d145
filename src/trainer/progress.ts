import { z } from 'zod';
import type { Evaluation } from './evaluation.ts';

const measured = z.number().nullable();

/** Everything of a run's course that is not a tensor and that later points and the summary depend on. */
export const trainingProgressSchema = z.strictObject({
  /** Updates done. */
  step: z.int().nonnegative(),
  /** Sums over the mini-batches since the last evaluation. */
  interval: z.strictObject({
    steps: z.int().nonnegative(),
    lossSum: z.number(),
    correctCount: z.int().nonnegative(),
  }),
  /** Of the last mini-batch. */
  lastTrainLoss: measured,
  lastEvaluation: z
    .strictObject({
      trainLoss: measured,
      trainAccuracy: measured,
      validationLoss: measured,
      validationAccuracy: measured,
    })
    .nullable(),
  bestValidationLoss: measured,
  bestValidationAccuracy: measured,
  /** Wall-clock time of training in all sessions so far. */
  elapsedSeconds: z.number().nonnegative(),
});
export type TrainingProgress = z.infer<typeof trainingProgressSchema>;

export function createProgress(): TrainingProgress {
  return {
    step: 0,
    interval: { steps: 0, lossSum: 0, correctCount: 0 },
    lastTrainLoss: null,
    lastEvaluation: null,
    bestValidationLoss: null,
    bestValidationAccuracy: null,
    elapsedSeconds: 0,
  };
}

/** Adds a mini-batch with a finite loss. @param correctCount Null where labels are no classes. */
export function addBatch(progress: TrainingProgress, loss: number, correctCount: number | null): void {
  progress.lastTrainLoss = loss;
  progress.interval.steps++;
  progress.interval.lossSum += loss;
  progress.interval.correctCount += correctCount ?? 0;
}

/**
 * Takes an evaluation in and starts a new interval.
 * @returns mean loss and accuracy over the mini-batches of the interval that ended; no accuracy where the evaluation has none.
 */
export function addEvaluation(
  progress: TrainingProgress,
  evaluation: Evaluation,
  batchSize: number,
): { trainLoss: number; trainAccuracy: number | null } {
  const { steps, lossSum, correctCount } = progress.interval;
  const trainLoss = lossSum / steps;
  const trainAccuracy = evaluation.accuracy === null ? null : correctCount / (steps * batchSize);
  const validationLoss = Number.isFinite(evaluation.loss) ? evaluation.loss : null;
  progress.interval = { steps: 0, lossSum: 0, correctCount: 0 };
  progress.lastEvaluation = { trainLoss, trainAccuracy, validationLoss, validationAccuracy: evaluation.accuracy };
  if (validationLoss !== null) {
    progress.bestValidationLoss = Math.min(progress.bestValidationLoss ?? Infinity, validationLoss);
  }
  if (evaluation.accuracy !== null) {
    progress.bestValidationAccuracy = Math.max(progress.bestValidationAccuracy ?? 0, evaluation.accuracy);
  }
  return { trainLoss, trainAccuracy };
}

/** Whether something that happens every `interval` steps, and at the end, happens after this step. */
export function isDue(step: number, interval: number, totalSteps: number): boolean {
  return step % interval === 0 || step === totalSteps;
}

/** How often it will still happen after this step. */
export function countDueAfter(step: number, interval: number, totalSteps: number): number {
  return (
    Math.ceil(totalSteps / interval) - (step === totalSteps ? Math.ceil(step / interval) : Math.floor(step / interval))
  );
}
