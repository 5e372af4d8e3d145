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

/**
 * The newest checkpoint whose file is there and has the recorded size. Records of others are
 * removed, so that later metrics are cut back to what can be repeated. Contents are verified by the
 * trainer, which reports a damaged file as `checkpointInvalid`.
 */
export async function chooseCheckpoint(runs: RunStore, labDirectory: string, runId: string): Promise<CheckpointChoice> {
  const problems: string[] = [];
  for (const record of runs.listCheckpoints(runId)) {
    // A lab folder that was moved: the file is where this lab keeps it, whatever was recorded.
    const file = join(checkpointDirectory(labDirectory, runId), basename(record.file));
    const problem = await describeFileProblem(file, record.bytes);
    if (problem === null) return { checkpoint: { ...record, file }, problems };
    problems.push(`The checkpoint of step ${record.step} ${problem}.`);
    runs.removeCheckpoint(runId, record.file);
  }
  return { checkpoint: null, problems };
}

async function describeFileProblem(file: string, expectedBytes: number): Promise<string | null> {
  try {
    const { size } = await stat(file);
    return size === expectedBytes ? null : `is damaged: it has ${size} bytes instead of ${expectedBytes}`;
  } catch {
    return 'is missing';
  }
}
