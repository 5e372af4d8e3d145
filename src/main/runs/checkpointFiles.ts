import { existsSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CheckpointRecord, RunStore } from '../store/store.ts';

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

/** A run's checkpoints whose files are there, newest first. */
export function listCheckpoints(
  runs: Pick<RunStore, 'listCheckpoints'>,
  labDirectory: string,
  runId: string,
): CheckpointRecord[] {
  return runs
    .listCheckpoints(runId)
    .map((record) => ({ ...record, file: checkpointFile(labDirectory, record) }))
    .filter(({ file }) => existsSync(file));
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
 * Removes all but the `keepLast` newest of a run's recorded checkpoints. The file goes before its
 * record: a record alone is harmless, a file alone would stay for good.
 * @returns what could not be removed, one sentence each.
 * @throws LabError where the store cannot be written.
 */
export function removeOldCheckpoints(runs: RunStore, labDirectory: string, runId: string, keepLast: number): string[] {
  const problems: string[] = [];
  for (const record of runs.listCheckpoints(runId).slice(keepLast)) {
    try {
      rmSync(checkpointFile(labDirectory, record), { force: true });
    } catch (error) {
      problems.push(`The old checkpoint of step ${record.step} could not be removed: ${String(error)}`);
      continue;
    }
    runs.removeCheckpoint(runId, record.file);
  }
  return problems;
}

async function describeFileProblem(file: string, expectedBytes: number): Promise<string | null> {
  try {
    const { size } = await stat(file);
    return size === expectedBytes ? null : `is damaged: it has ${size} bytes instead of ${expectedBytes}`;
  } catch {
    return 'is missing';
  }
}
