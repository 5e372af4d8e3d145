import { generatedDataset } from '#shared/domain/architectures/index.ts';
import type { StoredRun } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import type { CheckpointRecord } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { openDatasets } from './datasets.ts';
import { UsageError } from './usageError.ts';

/** A run with the checkpoint that is meant. */
export interface TrainedCheckpoint {
  run: StoredRun;
  checkpoint: CheckpointRecord;
}

/**
 * A run and one of its checkpoints: that of a step, or the newest.
 * @param id Of the run, or its beginning.
 * @throws LabError `notFound` where there is no such run or no such checkpoint.
 */
export async function findCheckpoint(
  context: CommandContext,
  id: string,
  step: number | null,
): Promise<TrainedCheckpoint> {
  const run = await context.withReader((reader) => reader.invoke('runs.read', { id }));
  const steps = run.checkpoints.map((checkpoint) => checkpoint.step);
  const checkpoint = step === null ? run.checkpoints[0] : run.checkpoints.find((each) => each.step === step);
  if (checkpoint) return { run, checkpoint };
  throw new LabError(
    'notFound',
    `Run ${run.id} has no checkpoint${step === null ? '' : ` of step ${step}`}.`,
    steps.length === 0 ? 'Train it to its first checkpoint.' : `Choose one of these steps: ${steps.join(', ')}.`,
  );
}

/** Folder of the data that a run was trained on. @throws LabError `notFound`. */
export async function findDatasetOf(context: CommandContext, { document }: StoredRun): Promise<string> {
  if (generatedDataset(document.architecture) !== null) {
    throw new LabError(
      'invalidArgument',
      'Runs that draw their own data cannot be analyzed so.',
      'Look at the series that they logged, or choose a run on a data set.',
    );
  }
  const datasets = openDatasets(context);
  const { id } = await datasets.get(document.dataset.id);
  return datasets.directory(id);
}

/** The number after --step; null where there is none. @throws UsageError for anything else. */
export function readStep(text: string | undefined): number | null {
  if (text === undefined) return null;
  const step = Number(text);
  if (Number.isSafeInteger(step) && step >= 0) return step;
  throw new UsageError('invalidArgument', `“${text}” after --step is no step.`, 'Write a whole number.');
}
