import { Option, type Command } from 'commander';
import { writeFileAtomically } from '#files/atomicWrite.ts';
import { runStates, type RunState } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import { appVersion } from '../runs/environment.ts';
import type { Lab } from '../lab.ts';
import type { RunRecord, Store } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { formatRun } from './runDetails.ts';
import { exportRunsAsCsv, exportRunsAsJson } from './runExport.ts';
import { compareRuns, describeRunCurves, formatComparison, formatRunTable, summarizeRun } from './runTables.ts';
import { concludeTraining } from './train.ts';
import { trainRuns } from './trainRuns.ts';

const idsHelp = 'ids of runs or experiments, or their beginnings';

export function addRunCommands(program: Command, context: CommandContext): void {
  const runs = program.command('runs').description('The runs of a lab.');
  runs
    .command('list', { isDefault: true })
    .description('all runs, oldest first')
    .option('--experiment <id>', 'only those of one experiment')
    .addOption(new Option('--state <state>', 'only those in one state').choices(runStates))
    .action((options: { experiment?: string; state?: RunState }) => listRuns(context, options));
  runs
    .command('show')
    .description('everything about one run: document, environment, checkpoints, log')
    .argument('<id>')
    .action((id: string) => showRun(context, id));
  runs
    .command('resume')
    .description('go on from the newest checkpoints, and train what is still queued')
    .argument('<ids...>', idsHelp)
    .action((ids: string[]) => resumeRuns(context, ids));
  runs
    .command('stop')
    .description('take runs out of the queue')
    .argument('<ids...>', idsHelp)
    .action((ids: string[]) => stopRuns(context, ids));
  runs
    .command('delete')
    .description('delete runs with everything they made')
    .argument('<ids...>', idsHelp)
    .action((ids: string[]) => deleteRuns(context, ids));
  runs
    .command('export')
    .description('every recorded point, with what is needed to repeat the runs')
    .argument('<ids...>', idsHelp)
    .addOption(new Option('--format <format>', 'how to write it').choices(['csv', 'json']).default('csv'))
    .option('--series <names>', 'only these series, with commas between them')
    .option('--out <file>', 'file to write (default: standard output)')
    .action((ids: string[], options: ExportOptions) => exportRuns(context, ids, options));
  runs
    .command('compare')
    .description('final values side by side, averaged over seeds')
    .argument('<ids...>', idsHelp)
    .option('--svg <file>', 'also draw the curves')
    .action((ids: string[], options: { svg?: string }) => compare(context, ids, options.svg));
}

/** Runs named by their own id or by their experiment's, each once, in order of creation. */
function findRuns(store: Pick<Store, 'runs' | 'experiments'>, ids: readonly string[]): RunRecord[] {
  const found = new Map<string, RunRecord>();
  for (const id of ids) {
    const experiments = store.experiments.list().filter((experiment) => experiment.id.startsWith(id));
    if (experiments.length > 1) {
      throw new LabError(
        'notFound',
        `“${id}” begins the ids of ${experiments.length} experiments.`,
        'Write more of it.',
      );
    }
    const [experiment] = experiments;
    const runs = experiment === undefined ? [store.runs.resolve(id)] : store.runs.list({ experimentId: experiment.id });
    for (const run of runs) found.set(run.id, run);
  }
  return [...found.values()].sort((left, right) => (left.id < right.id ? -1 : 1));
}

async function listRuns(context: CommandContext, options: { experiment?: string; state?: RunState }): Promise<void> {
  await context.withStore(async (store) => {
    const runs = (options.experiment === undefined ? store.runs.list() : findRuns(store, [options.experiment])).filter(
      (run) => options.state === undefined || run.state === options.state,
    );
    if (runs.length === 0)
      context.output.note(`No run yet. Train one: ${context.commandLine('train --preset quickstart')}`);
    context.output.result(runs.map(summarizeRun), runs.length === 0 ? '' : formatRunTable(runs));
    return Promise.resolve();
  });
}

async function showRun(context: CommandContext, id: string): Promise<void> {
  await context.withStore(async (store) => {
    const run = store.runs.resolve(id);
    const checkpoints = store.runs.listCheckpoints(run.id);
    const log = store.runs.listLog(run.id);
    const series = store.metrics.list(run.id);
    context.output.result(
      { ...run, checkpoints, log, series },
      formatRun(run, { checkpoints, log, series }, context.commandLine(`runs resume ${run.id}`)),
    );
    return Promise.resolve();
  });
}

async function resumeRuns(context: CommandContext, ids: readonly string[]): Promise<void> {
  await context.withLab(async (lab: Lab) => {
    const runs = findRuns(lab.store, ids).filter((run) => run.state !== 'done' && run.state !== 'diverged');
    if (runs.length === 0) {
      throw new LabError('invalidState', 'Every one of these runs came to its end.', 'There is nothing to resume.');
    }
    for (const run of runs) lab.runs.requeue(run.id);
    const trained = await trainRuns(
      context,
      lab,
      runs.map((run) => run.id),
    );
    concludeTraining(context, trained, ids.join(' '));
    context.output.result({ type: 'result', runs: trained.runs.map(summarizeRun) }, formatRunTable(trained.runs));
  });
}

async function stopRuns(context: CommandContext, ids: readonly string[]): Promise<void> {
  await context.withLab(async (lab) => {
    const stopped = findRuns(lab.store, ids)
      .filter((run, _, all) => all.length === 1 || run.state === 'queued')
      .map((run) => lab.runs.stop(run.id));
    context.output.result(stopped.map(summarizeRun), formatRunTable(stopped));
    return Promise.resolve();
  });
}

async function deleteRuns(context: CommandContext, ids: readonly string[]): Promise<void> {
  await context.withLab(async (lab) => {
    const runs = findRuns(lab.store, ids);
    for (const run of runs) await lab.runs.remove(run.id);
    const deleted = runs.map((run) => run.id);
    context.output.result({ deleted }, `Deleted ${deleted.join(', ')}.`);
  });
}

interface ExportOptions {
  format: 'csv' | 'json';
  series?: string;
  out?: string;
}

async function exportRuns(context: CommandContext, ids: readonly string[], options: ExportOptions): Promise<void> {
  await context.withStore(async (store) => {
    const runs = findRuns(store, ids);
    const names = options.series?.split(',').map((name) => name.trim());
    if (options.out === undefined && context.output.json) {
      context.output.result(exportRunsAsJson(runs, store.metrics, names), '');
      return;
    }
    const text =
      options.format === 'json'
        ? `${JSON.stringify(exportRunsAsJson(runs, store.metrics, names), null, 1)}\n`
        : exportRunsAsCsv(runs, store.metrics, names);
    if (options.out === undefined) {
      context.output.result(null, text.trimEnd());
      return;
    }
    const file = context.resolvePath(options.out);
    await writeFileAtomically(file, text);
    context.output.result({ file, runs: runs.map((run) => run.id) }, `Wrote ${file}`);
  });
}

async function compare(context: CommandContext, ids: readonly string[], svg: string | undefined): Promise<void> {
  await context.withStore(async (store) => {
    const runs = findRuns(store, ids);
    const rows = compareRuns(runs);
    let figure: string | null = null;
    if (svg !== undefined) {
      const { renderSvg } = await import('../figures/svg.ts');
      figure = context.resolvePath(svg);
      const experiment = runs[0] === undefined ? null : store.experiments.get(runs[0].experimentId);
      const chart = describeRunCurves(experiment?.name ?? 'Comparison', runs, store.metrics);
      await writeFileAtomically(figure, renderSvg(chart, { generator: `NormLab ${appVersion()}` }));
    }
    context.output.result(
      { rows, runs: runs.map((run) => run.id), figure },
      `${formatComparison(rows)}${figure === null ? '' : `\n\nCurves: ${figure}`}`,
    );
  });
}
