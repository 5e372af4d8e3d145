import { existsSync, rmSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { judgeCheckpoints, stepsPerEpochOf, type JudgedCheckpoint } from '#shared/domain/checkpoint.ts';
import { metricSeries } from '#shared/domain/metric.ts';
import { LabError } from '#shared/errors.ts';
import type { CheckpointRecord, MetricStore, RunRecord, RunStore } from '../store/store.ts';

/** Folder of a run's files. */
export function runDirectory(labDirectory: string, runId: string): string {
  return join(labDirectory, 'runs', runId);
}

export function checkpointDirectory(labDirectory: string, runId: string): string {
  return join(runDirectory(labDirectory, runId), 'checkpoints');
}

export interface CheckpointChoice {
  /** Null where the run has to start from its seed. */
  checkpoint: CheckpointRecord | null;
  /** What is wrong with newer checkpoints, one sentence each. */
  problems: string[];
}

/** Where this lab keeps a checkpoint's file; a lab folder that was moved has other paths in its records. */
function checkpointFile(labDirectory: string, { runId, file }: CheckpointRecord): string {
  return join(checkpointDirectory(labDirectory, runId), basename(file));
}

/** What is read of a store to judge checkpoints. */
export interface CheckpointSource {
  runs: Pick<RunStore, 'listCheckpoints'>;
  metrics: Pick<MetricStore, 'readReadable'>;
}

/** A run's checkpoints whose files are there, newest first, with why each is kept. */
export function listCheckpoints(
  source: CheckpointSource,
  labDirectory: string,
  { id, document, progress }: Pick<RunRecord, 'id' | 'document' | 'progress'>,
): JudgedCheckpoint[] {
  const there = source.runs
    .listCheckpoints(id)
    .map((record) => ({ ...record, file: checkpointFile(labDirectory, record) }))
    .filter(({ file }) => existsSync(file));
  const losses = there.length === 0 ? new Map<number, number>() : readValidationLosses(source.metrics, id);
  return judgeCheckpoints(there, document.checkpoints, losses ?? new Map(), stepsPerEpochOf(progress));
}

/** By step; null where a damaged database does not tell. */
function readValidationLosses(metrics: CheckpointSource['metrics'], runId: string): Map<number, number> | null {
  try {
    const { steps, values, missing } = metrics.readReadable(runId, metricSeries.validationLoss);
    return missing.length > 0 ? null : new Map(Array.from(steps, (step, index) => [step, values[index] ?? NaN]));
  } catch (error) {
    if (error instanceof LabError && error.code === 'labDamaged') return null;
    throw error;
  }
}

/**
 * The newest checkpoint whose file is there and has the recorded size. Records of newer ones are
 * removed, so that later metrics are cut back to what can be repeated, and all records without a file.
 * Contents are verified by the trainer, which reports a damaged file as `checkpointInvalid`.
 *
 * A file without a record is never used: metrics up to its step may be missing. Its trainer's owner
 * was killed before it recorded the file, so the one before is still there.
 */
export async function chooseCheckpoint(runs: RunStore, labDirectory: string, runId: string): Promise<CheckpointChoice> {
  const problems: string[] = [];
  let checkpoint: CheckpointRecord | null = null;
  for (const record of runs.listCheckpoints(runId)) {
    const file = checkpointFile(labDirectory, record);
    const problem = await describeFileProblem(file, record.bytes);
    if (problem === null) {
      checkpoint ??= { ...record, file };
      continue;
    }
    if (checkpoint === null) problems.push(`The checkpoint of step ${record.step} ${problem}.`);
    // An older damaged file keeps its record, with which it is removed in its turn.
    if (checkpoint === null || !existsSync(file)) runs.removeCheckpoint(runId, record.file);
  }
  return { checkpoint, problems };
}

/**
 * Removes a run's recorded checkpoints that its rule (`judgeCheckpoints`) does not keep; to be called when a
 * newer one has been recorded. Only whole files count for the rule, and without one nothing is removed. The
 * file goes before its record: a record alone is harmless, a file alone would stay for good.
 * @param epochSteps Steps in an epoch of the run; null where it is not known.
 * @returns what could not be removed, one sentence each.
 * @throws LabError where the store cannot be written.
 */
export function removeOldCheckpoints(
  {
    runs,
    metrics,
  }: { runs: Pick<RunStore, 'listCheckpoints' | 'removeCheckpoint'>; metrics: CheckpointSource['metrics'] },
  labDirectory: string,
  { id, document }: Pick<RunRecord, 'id' | 'document'>,
  epochSteps: number | null,
): string[] {
  const problems: string[] = [];
  const { checkpoints: rule } = document;
  const recorded = runs.listCheckpoints(id);
  const whole = recorded.filter((record) => hasSize(checkpointFile(labDirectory, record), record.bytes));
  const losses = rule.keepBest ? readValidationLosses(metrics, id) : new Map<number, number>();
  // Without losses the best one is not known: all stay until they can be read.
  if (whole.length === 0 || losses === null) return problems;
  const kept = judgeCheckpoints(whole, rule, losses, epochSteps).filter(({ reasons }) => reasons.length > 0);
  const keptFiles = new Set(kept.map(({ file }) => file));
  for (const record of recorded.filter(({ file }) => !keptFiles.has(file))) {
    try {
      rmSync(checkpointFile(labDirectory, record), { force: true });
    } catch (error) {
      problems.push(`The old checkpoint of step ${record.step} could not be removed: ${String(error)}`);
      continue;
    }
    runs.removeCheckpoint(id, record.file);
  }
  return problems;
}

function hasSize(file: string, bytes: number): boolean {
  return statSync(file, { throwIfNoEntry: false })?.size === bytes;
}

async function describeFileProblem(file: string, expectedBytes: number): Promise<string | null> {
  try {
    const { size } = await stat(file);
    return size === expectedBytes ? null : `is damaged: it has ${size} bytes instead of ${expectedBytes}`;
  } catch {
    return 'is missing';
  }
}
