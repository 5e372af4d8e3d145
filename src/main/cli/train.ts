import type { Command } from 'commander';
import { generatedDataset } from '#shared/domain/architectures/index.ts';
import { exampleDatasetId } from '#shared/domain/dataset.ts';
import { expandExperiment, parseExperimentDocument } from '#shared/domain/experiment.ts';
import { presets, scales } from '#shared/domain/presets.ts';
import type { CommandContext } from './context.ts';
import { continueRun } from './continueRun.ts';
import { ensureExample, openDatasets } from './datasets.ts';
import { experimentFromOptions, type ExperimentOptions } from './experimentFromOptions.ts';
import { formatTable } from './format.ts';
import type { LabSession } from './session.ts';
import { describeSettings, formatSettings } from './settings.ts';
import { trainAndReport } from './trainRuns.ts';
import { checkpointHelp, readCheckpointChoice } from './trainedCheckpoint.ts';
import { UsageError } from './usageError.ts';

interface TrainOptions extends ExperimentOptions {
  dryRun?: boolean;
  fromRun?: string;
  fold?: boolean;
  checkpoint?: string;
}

const collect = (value: string, list: string[] | undefined): string[] => [...(list ?? []), value];

export function addTrainCommand(program: Command, context: CommandContext): void {
  program
    .command('train')
    .description('Train an experiment: every combination of what varies, with every seed.')
    .option('--config <file>', 'run or experiment document (JSON)')
    .option('--preset <id>', presets.map(({ id, title }) => `${id}: ${title}`).join('; '))
    .option('--from-run <run>', 'begin with the weights of a trained run, and with its settings')
    .option('--fold', 'with --from-run: fold batch normalization into the kernels and train on without it')
    .option('--checkpoint <which>', `with --from-run: ${checkpointHelp}`)
    .option('--scale <scale>', `size of the preset: ${scales.join(', ')}`)
    .option('--set <key=value>', 'set a field of the base run; may be given several times', collect)
    .option('--vary <key=a,b,c>', 'train every value of a field; may be given several times', collect)
    .option('--seeds <1,2,3>', 'seeds; runs with equal seed share initialisation and batch order')
    .option('--name <name>', 'name of the experiment')
    .option('--dry-run', 'only say which runs it would be')
    .addHelpText('after', () => `\nKeys for --set and --vary:\n${formatSettings(describeSettings())}`)
    .action((options: TrainOptions) => train(context, options));
}

async function train(context: CommandContext, options: TrainOptions): Promise<void> {
  const { config, preset } = options;
  if (config !== undefined && (preset !== undefined || options.scale !== undefined)) {
    throw new UsageError('invalidArgument', '--config and --preset exclude each other.', 'Give one of them.');
  }
  const { fromRun, fold = false } = options;
  if (fromRun !== undefined && (config !== undefined || preset !== undefined || options.scale !== undefined)) {
    throw new UsageError('invalidArgument', '--from-run excludes --config, --preset and --scale.', 'Give one of them.');
  }
  if (fold && fromRun === undefined) {
    throw new UsageError('invalidArgument', '--fold needs the run that is folded.', 'Add --from-run RUN.');
  }
  if (options.checkpoint !== undefined && fromRun === undefined) {
    throw new UsageError('invalidArgument', '--checkpoint needs the run that has it.', 'Add --from-run RUN.');
  }
  const checkpoint = readCheckpointChoice(options.checkpoint);
  const document = await experimentFromOptions(
    options,
    config === undefined ? null : context.resolvePath(config),
    fromRun === undefined ? null : await continueRun(context, fromRun, { folded: fold, checkpoint }),
  );
  const use = async (session: LabSession): Promise<void> => {
    await ensureExampleData(context, session, document);
    if (options.dryRun === true) {
      await showPlan(context, session, document);
      return;
    }
    await trainExperiment(context, session, document);
  };
  await context.withLab(use, { hosts: options.dryRun !== true });
}

/** Makes the example data set where the experiment needs it. */
async function ensureExampleData(context: CommandContext, session: LabSession, document: unknown): Promise<void> {
  const runs = expandExperiment(parseExperimentDocument(document));
  const needsExample = runs.some(
    ({ document: run }) => run.dataset.id === exampleDatasetId && generatedDataset(run.architecture) === null,
  );
  if (!needsExample) return;
  const datasets = openDatasets(context);
  const isThere = (await datasets.list()).some(({ id }) => id === exampleDatasetId);
  if (isThere && !(await datasets.problems()).some(({ id }) => id === exampleDatasetId)) return;
  let lastEventAt = 0;
  await ensureExample(context, session, (progress) => {
    if (Date.now() - lastEventAt < 500) return;
    lastEventAt = Date.now();
    context.output.event({ type: 'progress', task: 'dataset', ...progress });
  });
}

/** Creates an experiment and trains it; sets the exit status and says how to go on where it did not end. */
async function trainExperiment(context: CommandContext, session: LabSession, document: unknown): Promise<void> {
  const { id, name, runs } = await session.client.invoke('experiments.create', { document });
  context.output.event({
    type: 'experiment',
    id,
    name,
    runs: runs.map((run) => ({ id: run.id, label: run.label, seed: run.seed })),
  });
  if (!context.output.json) {
    context.output.note(`${name}: ${runs.length} ${runs.length === 1 ? 'run' : 'runs'}, experiment ${id}`);
  }
  await trainAndReport(
    context,
    session,
    runs.map((run) => run.id),
    { resumeId: id, facts: { experiment: { id, name } } },
  );
}

async function showPlan(context: CommandContext, { client }: LabSession, document: unknown): Promise<void> {
  const plan = await client.invoke('experiments.plan', { document });
  const table = formatTable(plan, [
    { title: 'what', value: (run) => run.label },
    { title: 'seed', value: (run) => String(run.document.seed), align: 'right' },
    { title: 'batch size', value: (run) => String(run.document.batchSize), align: 'right' },
    { title: 'steps an epoch', value: (run) => String(run.stepsPerEpoch), align: 'right' },
    { title: 'steps', value: (run) => String(run.totalSteps), align: 'right' },
  ]);
  context.output.result(
    { type: 'result', dryRun: true, runs: plan },
    `${table}\n${plan.length} ${plan.length === 1 ? 'run' : 'runs'}; nothing was trained.`,
  );
}
