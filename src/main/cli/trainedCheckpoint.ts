import { generatedDataset } from '#shared/domain/architectures/index.ts';
import type { StoredRun } from '#shared/contract.ts';
import type { JudgedCheckpoint } from '#shared/domain/checkpoint.ts';
import { LabError } from '#shared/errors.ts';
import type { CommandContext } from './context.ts';
import { openDatasets } from './datasets.ts';
import { UsageError } from './usageError.ts';

/** A run with the checkpoint that is meant. */
export interface TrainedCheckpoint {
  run: StoredRun;
  checkpoint: JudgedCheckpoint;
}

/** Which checkpoint of a run is meant: the newest, the one of the lowest validation loss, or that of a step. */
export type CheckpointChoice = 'last' | 'best' | number;

export const checkpointHelp =
  'last, best (lowest validation loss) or the step of a checkpoint (default: last); `runs show` lists them';

/**
 * A run and one of its checkpoints.
 * @param id Of the run, or its beginning.
 * @throws LabError `notFound` where there is no such run or no such checkpoint.
 */
export async function findCheckpoint(
  context: CommandContext,
  id: string,
  choice: CheckpointChoice,
): Promise<TrainedCheckpoint> {
  const run = await context.withReader((reader) => reader.invoke('runs.read', { id }));
  const checkpoint =
    choice === 'last' ? run.checkpoints[0] : choice === 'best' ? findBest(run.checkpoints) : findStep(run, choice);
  if (checkpoint) return { run, checkpoint };
  const steps = run.checkpoints.map(({ step }) => step);
  const what = choice === 'last' ? '' : choice === 'best' ? ' with a validation loss' : ` of step ${choice}`;
  throw new LabError(
    'notFound',
    `Run ${run.id} has no checkpoint${what}.`,
    steps.length === 0 ? 'Train it to its first checkpoint.' : `Choose one of these steps: ${steps.join(', ')}.`,
  );
}

function findStep({ checkpoints }: StoredRun, step: number): JudgedCheckpoint | undefined {
  return checkpoints.find((checkpoint) => checkpoint.step === step);
}

/** The lowest validation loss, the earliest of equal ones; also where the run's rule keeps none as the best. */
function findBest(checkpoints: readonly JudgedCheckpoint[]): JudgedCheckpoint | undefined {
  const lowest = Math.min(...checkpoints.map(({ validationLoss }) => validationLoss ?? Infinity));
  return checkpoints.findLast(({ validationLoss }) => validationLoss === lowest);
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

/** What is written after --checkpoint. @throws UsageError for anything else. */
export function readCheckpointChoice(text = 'last'): CheckpointChoice {
  if (text === 'last' || text === 'best') return text;
  const step = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(step)) return step;
  throw new UsageError(
    'invalidArgument',
    `“${text}” after --checkpoint is no checkpoint.`,
    'Write last, best or the step of one.',
  );
}
