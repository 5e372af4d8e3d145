import type { Command } from 'commander';
import { exampleDatasetId } from '#shared/domain/dataset.ts';
import { expandExperiment, parseExperimentDocument } from '#shared/domain/experiment.ts';
import { presets, scales } from '#shared/domain/presets.ts';
import type { Lab } from '../lab.ts';
import type { ExperimentRecord, RunRecord } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { showImportProgress } from './datasets.ts';
import { experimentFromOptions, type ExperimentOptions } from './experimentFromOptions.ts';
import { formatTable } from './format.ts';
import { ProgressLine } from './progressLine.ts';
import { formatRunTable, summarizeRun } from './runTables.ts';
import { describeSettings, formatSettings } from './settings.ts';
import { allHaveResults, trainRuns, type TrainedRuns } from './trainRuns.ts';
import { UsageError } from './usageError.ts';

interface TrainOptions extends ExperimentOptions {
  dryRun?: boolean;
}

const collect = (value: string, list: string[] | undefined): string[] => [...(list ?? []), value];

export function addTrainCommand(program: Command, context: CommandContext): void {
  program
    .command('train')
    .description('Train an experiment: every combination of what varies, with every seed.')
    .option('--config <file>', 'run or experiment document (JSON)')
    .option('--preset <id>', presets.map(({ id, title }) => `${id}: ${title}`).join('; '))
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
  const document = await experimentFromOptions(options, config === undefined ? null : context.resolvePath(config));
  await context.withLab(async (lab) => {
    await ensureExampleData(context, lab, document);
    if (options.dryRun === true) {
      await showPlan(context, lab, document);
      return;
    }
    const { experiment, runs } = await trainExperiment(context, lab, document);
    context.output.result(
      { type: 'result', experiment: { id: experiment.id, name: experiment.name }, runs: runs.map(summarizeRun) },
      formatRunTable(runs),
    );
  });
}

/** Makes the example data set where the experiment needs it. */
export async function ensureExampleData(context: CommandContext, lab: Lab, document: unknown): Promise<void> {
  const runs = expandExperiment(parseExperimentDocument(document));
  if (!runs.some((run) => run.document.dataset.id === exampleDatasetId)) return;
  const line = new ProgressLine(context.output);
  let lastEventAt = 0;
  await lab.datasets.ensureExample((progress) => {
    showImportProgress(line, progress);
    if (Date.now() - lastEventAt < 500) return;
    lastEventAt = Date.now();
    context.output.event({ type: 'progress', task: 'dataset', ...progress });
  });
  line.clear();
}

/** Creates an experiment and trains it; sets the exit status and says how to go on where it did not end. */
export async function trainExperiment(
  context: CommandContext,
  lab: Lab,
  document: unknown,
): Promise<{ experiment: ExperimentRecord; runs: RunRecord[] }> {
  const { experiment, runs } = await lab.experiments.create(document);
  context.output.event({
    type: 'experiment',
    id: experiment.id,
    name: experiment.name,
    runs: runs.map(({ id, label, document: { seed } }) => ({ id, label, seed })),
  });
  if (!context.output.json) {
    context.output.note(
      `${experiment.name}: ${runs.length} ${runs.length === 1 ? 'run' : 'runs'}, experiment ${experiment.id}`,
    );
  }
  const trained = await trainRuns(
    context,
    lab,
    runs.map((run) => run.id),
  );
  concludeTraining(context, trained, experiment.id);
  return { experiment, runs: trained.runs };
}

/** Says what did not come to its end, and sets the exit status. */
export function concludeTraining(context: CommandContext, trained: TrainedRuns, resumeId: string): void {
  const { runs, interrupted, halted } = trained;
  if (halted !== null) context.output.note(`The queue stopped: ${halted.message} ${halted.hint}`);
  for (const run of runs.filter((candidate) => candidate.state === 'diverged')) {
    context.output.note(
      `${run.label}, seed ${run.document.seed}: ${run.error?.message ?? ''} ${run.error?.hint ?? ''}`,
    );
  }
  if (allHaveResults(runs)) return;
  context.exitStatus = 1;
  const resumable = runs.filter((run) => run.state !== 'done' && run.state !== 'diverged').length;
  context.output.note(
    `${interrupted ? 'Stopped. ' : ''}${resumable} of ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} can go on: ${context.commandLine(`runs resume ${resumeId}`)}`,
  );
}

async function showPlan(context: CommandContext, lab: Lab, document: unknown): Promise<void> {
  const plan = await lab.experiments.plan(document);
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
