import type { CheckpointRecord } from './runRecord.ts';
import type { RunProgress } from './metric.ts';
import type { RunDocument } from './run.ts';
import { durationInSteps, type TrainingLength } from './trainingLength.ts';

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
  const every = keepEveryInSteps(keepEvery, epochSteps);
  return checkpoints.map((checkpoint, index) => {
    const reasons: CheckpointReason[] = [];
    if (index < keepLast) reasons.push('last');
    if (checkpoint.step === bestStep) reasons.push('best');
    if (every !== null && checkpoint.step % every === 0) reasons.push('every');
    return { ...checkpoint, validationLoss: lossAt(checkpoint.step), reasons };
  });
}

/** Null where none is kept for its multiple, or the steps of an epoch would have to be known. */
function keepEveryInSteps(
  keepEvery: RunDocument['checkpoints']['keepEvery'],
  epochSteps: number | null,
): number | null {
  const isKnown = keepEvery.value > 0 && (keepEvery.unit === 'steps' || epochSteps !== null);
  return isKnown ? durationInSteps(keepEvery, epochSteps ?? 1) : null;
}

/**
 * The most checkpoints that a run will have at once by its rule (`judgeCheckpoints`), without the one that is being
 * written: checkpoints are written at each multiple of `every`, and at the end.
 */
export function mostCheckpointsKept(
  { every, keepLast, keepBest, keepEvery }: RunDocument['checkpoints'],
  { stepsPerEpoch, totalSteps }: TrainingLength,
): number {
  const interval = durationInSteps(every, stepsPerEpoch);
  const written = Math.ceil(totalSteps / interval);
  const multiple = keepEveryInSteps(keepEvery, stepsPerEpoch);
  let multiples = 0;
  if (multiple !== null) {
    const both = (interval / greatestCommonDivisor(interval, multiple)) * multiple;
    const atTheEnd = totalSteps % multiple === 0 && totalSteps % interval !== 0 ? 1 : 0;
    multiples = Math.floor(totalSteps / both) + atTheEnd;
  }
  return Math.min(written, keepLast + (keepBest ? 1 : 0) + multiples);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Steps in an epoch, of a run that has gone some; null before. */
export function stepsPerEpochOf(progress: Pick<RunProgress, 'step' | 'epoch'> | null): number | null {
  return progress === null || progress.epoch === 0 ? null : Math.round(progress.step / progress.epoch);
}
