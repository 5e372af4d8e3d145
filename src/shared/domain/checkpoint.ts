import type { CheckpointRecord } from './runRecord.ts';
import type { RunProgress } from './metric.ts';
import type { RunDocument } from './run.ts';
import { durationInSteps } from './trainingLength.ts';

/** Why a checkpoint is kept: one of the newest, the one of the lowest validation loss, or one of every k. */
export type CheckpointReason = 'last' | 'best' | 'every';

/** A checkpoint with what the rule of its run says about it. */
export interface JudgedCheckpoint extends CheckpointRecord {
  /** Of the evaluation at its step; null where there was none, or its loss is not finite. */
  validationLoss: number | null;
  /** Empty where nothing keeps it: it goes when the next one is recorded. */
  reasons: CheckpointReason[];
}

/**
 * Judges a run's checkpoints by its rule: the `keepLast` newest; with `keepBest` the one with the lowest
 * validation loss of those at whose step the run was evaluated, the earliest of equal ones; and those at
 * multiples of `keepEvery`.
 * @param checkpoints Newest first.
 * @param validationLosses By step.
 * @param epochSteps Steps in an epoch; null where it is not known, and with it no multiple of epochs.
 */
export function judgeCheckpoints(
  checkpoints: readonly CheckpointRecord[],
  { keepLast, keepBest, keepEvery }: RunDocument['checkpoints'],
  validationLosses: ReadonlyMap<number, number>,
  epochSteps: number | null,
): JudgedCheckpoint[] {
  const lossAt = (step: number): number | null => {
    const loss = validationLosses.get(step);
    return loss !== undefined && Number.isFinite(loss) ? loss : null;
  };
  const evaluated = checkpoints.flatMap(({ step }) => {
    const loss = lossAt(step);
    return loss === null ? [] : [{ step, loss }];
  });
  const lowest = Math.min(...evaluated.map(({ loss }) => loss));
  const bestStep = keepBest ? evaluated.findLast(({ loss }) => loss === lowest)?.step : undefined;
  const isKnown = keepEvery.value > 0 && (keepEvery.unit === 'steps' || epochSteps !== null);
  const every = isKnown ? durationInSteps(keepEvery, epochSteps ?? 1) : null;
  return checkpoints.map((checkpoint, index) => {
    const reasons: CheckpointReason[] = [];
    if (index < keepLast) reasons.push('last');
    if (checkpoint.step === bestStep) reasons.push('best');
    if (every !== null && checkpoint.step % every === 0) reasons.push('every');
    return { ...checkpoint, validationLoss: lossAt(checkpoint.step), reasons };
  });
}

/** Steps in an epoch, of a run that has gone some; null before. */
export function stepsPerEpochOf(progress: Pick<RunProgress, 'step' | 'epoch'> | null): number | null {
  return progress === null || progress.epoch === 0 ? null : Math.round(progress.step / progress.epoch);
}
