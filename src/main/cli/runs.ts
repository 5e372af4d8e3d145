import { Option, type Command } from 'commander';
import type { LabClient, RunOverview, StoredRun } from '#shared/contract.ts';
import { isActive, isPausable, isStoppable, runStates, type RunState } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import { appVersion } from '../runs/environment.ts';
import { exportWeights } from '../runs/trainerTask.ts';
import type { CommandContext } from './context.ts';
import { followJob } from './followJob.ts';
import { formatBytes } from './format.ts';
import { writeOutputFile } from './outputFile.ts';
import type { LabReader } from './readOnlyClient.ts';
import { formatRun } from './runDetails.ts';
import { createPointReader, exportRunsAsCsv, exportRunsAsJson } from './runExport.ts';
import { compareRuns, formatComparison, formatRunTable, summarizeRun } from './runTables.ts';
import { checkpointHelp, findCheckpoint, readCheckpointChoice } from './trainedCheckpoint.ts';
import { trainAndReport, whenStopped } from './trainRuns.ts';
import { UsageError } from './usageError.ts';

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
    .description('take runs out of the queue; those that train write a checkpoint and end')
    .argument('<ids...>', idsHelp)
    .action((ids: string[]) => endRuns(context, 'runs.stop', ids));
  runs
    .command('pause')
    .description('take runs out of the queue until they are resumed; those that train write a checkpoint first')
    .argument('<ids...>', idsHelp)
    .action((ids: string[]) => endRuns(context, 'runs.pause', ids));
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
    .addOption(
      new Option('--archive <file>', 'write them with checkpoints, log and environment, for `runs import`').conflicts([
        'out',
        'series',
      ]),
    )
    .addOption(
      new Option(
        '--weights <file>',
        'instead of points, the weights of one run’s checkpoint: .safetensors or .npz',
      ).conflicts(['archive', 'out', 'series']),
    )
    .option('--folded', 'with --weights: batch normalization folded into kernels and biases')
    .option('--checkpoint <which>', `with --weights: ${checkpointHelp}`)
    .action((ids: string[], options: ExportOptions) => exportRuns(context, ids, options));
  runs
    .command('import')
    .description('add the runs of an archive; those that are here already stay as they are')
    .argument('<file>')
    .action((file: string) => importRuns(context, file));
  runs
    .command('compare')
    .description('final values side by side, averaged over seeds')
    .argument('<ids...>', idsHelp)
    .option('--svg <file>', 'also draw the curves')
    .action((ids: string[], options: { svg?: string }) => compare(context, ids, options.svg));
}

async function listRuns(context: CommandContext, options: { experiment?: string; state?: RunState }): Promise<void> {
  await context.withReader(async (reader) => {
    const { experiment, state } = options;
    const runs = await reader.invoke('runs.find', {
      ...(experiment === undefined ? {} : { ids: [experiment] }),
      ...(state === undefined ? {} : { states: [state] }),
    });
    if (runs.length === 0) {
      context.output.note(
        experiment === undefined && state === undefined
          ? `No run yet. Train one: ${context.commandLine('train --preset quickstart')}`
          : 'No run is so.',
      );
    }
    context.output.result(runs.map(summarizeRun), runs.length === 0 ? '' : formatRunTable(runs));
  });
}

/** The run that is named, also by an experiment that has no other. @throws LabError `notFound`. */
async function findOneRun(reader: LabReader, id: string): Promise<string> {
  const ids = (await reader.invoke('runs.find', { ids: [id] })).map((run) => run.id);
  if (ids[0] !== undefined && ids.length === 1) return ids[0];
  throw new LabError('notFound', `“${id}” is an experiment of ${ids.length} runs.`, `Name one of: ${ids.join(', ')}.`);
}

async function showRun(context: CommandContext, id: string): Promise<void> {
  await context.withReader(async (reader) => {
    const run = await reader.invoke('runs.read', { id: await findOneRun(reader, id) });
    context.output.result(run, formatRun(run, context.commandLine(`runs resume ${run.id}`)));
  });
}

/** As many runs as one call takes. */
const runsACall = 1000;

/** Asks for something to be done to runs, in as many calls as it takes. */
async function invokeForRuns(
  client: LabClient,
  method: 'runs.resume' | 'runs.pause' | 'runs.stop' | 'runs.delete',
  runs: readonly RunOverview[],
): Promise<void> {
  for (let start = 0; start < runs.length; start += runsACall) {
    await client.invoke(method, { ids: runs.slice(start, start + runsACall).map((run) => run.id) });
  }
}

async function resumeRuns(context: CommandContext, ids: readonly string[]): Promise<void> {
  await context.withLab(
    async (session) => {
      const { client } = session;
      const found = await client.invoke('runs.find', { ids: [...ids] });
      const runs = found.filter((run) => run.state !== 'done' && run.state !== 'diverged');
      if (runs.length === 0) {
        throw new LabError('invalidState', 'Every one of these runs came to its end.', 'There is nothing to resume.');
      }
      // What trains already in the lab's owner is only followed.
      await invokeForRuns(
        client,
        'runs.resume',
        runs.filter((run) => !isActive(run.state)),
      );
      await trainAndReport(
        context,
        session,
        runs.map((run) => run.id),
        { resumeId: ids.join(' ') },
      );
    },
    { hosts: true },
  );
}

/** Stops or pauses runs; of several, those that have ended stay as they are. */
async function endRuns(
  context: CommandContext,
  method: 'runs.stop' | 'runs.pause',
  ids: readonly string[],
): Promise<void> {
  // Asked a second time, what is stopping ends at once.
  const can = (state: RunState): boolean =>
    method === 'runs.pause' ? isPausable(state) : isStoppable(state) || state === 'stopping';
  await context.withLab(async (session) => {
    const { client } = session;
    const runs = (await client.invoke('runs.find', { ids: [...ids] })).filter(
      (run, _, all) => all.length === 1 || can(run.state),
    );
    await invokeForRuns(client, method, runs);
    if (runs.length === 0) {
      context.output.note('None of these runs waits or trains.');
      context.output.result([], '');
      return;
    }
    const doing = method === 'runs.stop' ? 'stopping' : 'pausing';
    const endedIds = runs.map((run) => run.id);
    const ended = await whenStopped(context, session, endedIds, doing);
    context.output.result(ended.map(summarizeRun), formatRunTable(ended));
  });
}

async function deleteRuns(context: CommandContext, ids: readonly string[]): Promise<void> {
  await context.withLab(async ({ client }) => {
    const runs = await client.invoke('runs.find', { ids: [...ids] });
    await invokeForRuns(client, 'runs.delete', runs);
    const deleted = runs.map((run) => run.id);
    context.output.result({ deleted }, `Deleted ${deleted.join(', ')}.`);
  });
}

interface ExportOptions {
  format: 'csv' | 'json';
  series?: string;
  out?: string;
  archive?: string;
  weights?: string;
  folded?: boolean;
  checkpoint?: string;
}

async function readRuns(reader: LabReader, runs: readonly RunOverview[]): Promise<StoredRun[]> {
  const stored: StoredRun[] = [];
  for (const { id } of runs) stored.push(await reader.invoke('runs.read', { id }));
  return stored;
}

/** @throws UsageError where a name is of no series of any of the runs. */
function requireSeries(runs: readonly StoredRun[], names: readonly string[]): void {
  const there = new Set(runs.flatMap((run) => run.series.map(({ series }) => series)));
  const unknown = names.find((name) => !there.has(name));
  if (unknown === undefined) return;
  throw new UsageError(
    'invalidArgument',
    `None of these runs has a series “${unknown}”.`,
    there.size === 0 ? 'They have none yet.' : `There are: ${[...there].sort().join(', ')}.`,
  );
}

/** Writes the weights of one run's checkpoint. */
async function exportRunWeights(
  context: CommandContext,
  ids: readonly string[],
  { weights, folded = false, checkpoint: which }: ExportOptions & { weights: string },
): Promise<void> {
  const format = (['safetensors', 'npz'] as const).find((ending) => weights.endsWith(`.${ending}`));
  const [id] = ids;
  if (format === undefined || id === undefined || ids.length > 1) {
    throw new UsageError(
      'invalidArgument',
      format === undefined
        ? `“${weights}” after --weights has none of the endings .safetensors, .npz.`
        : 'A file has the weights of one run only.',
      format === undefined ? 'Name a file with one of these endings.' : 'Name one run.',
    );
  }
  const { run, checkpoint } = await findCheckpoint(context, id, readCheckpointChoice(which));
  const file = context.resolvePath(weights);
  const exported = await exportWeights(context.launcher, {
    document: run.document,
    checkpoint: checkpoint.file,
    folded,
    format,
    file,
  });
  context.output.result(
    { run: run.id, folded, format, ...exported },
    `Wrote ${file}: step ${exported.step}, ${formatBytes(exported.bytes)}`,
  );
}

async function exportRuns(context: CommandContext, ids: readonly string[], options: ExportOptions): Promise<void> {
  const { weights } = options;
  if (weights !== undefined) return exportRunWeights(context, ids, { ...options, weights });
  if (options.folded === true || options.checkpoint !== undefined) {
    throw new UsageError(
      'invalidArgument',
      `--${options.folded === true ? 'folded' : 'checkpoint'} is about weights, but there is no --weights.`,
      'Add --weights FILE.',
    );
  }
  await context.withReader(async (reader, databaseDirectory) => {
    if (options.archive !== undefined) {
      const found = await reader.invoke('runs.find', { ids: [...ids] });
      await exportArchive(context, found, context.resolvePath(options.archive), databaseDirectory);
      return;
    }
    const runs = await readRuns(reader, await reader.invoke('runs.find', { ids: [...ids] }));
    const readPoints = createPointReader(reader, {
      onMissing(runId, series, missing) {
        context.exitStatus = 1;
        const steps = missing.map(({ firstStep, lastStep }) => `${firstStep} to ${lastStep}`).join(', ');
        context.output.note(`Series ${series} of run ${runId} is damaged: its points at steps ${steps} are left out.`);
      },
    });
    const names = options.series?.split(',').map((name) => name.trim());
    requireSeries(runs, names ?? []);
    if (options.out === undefined && context.output.json) {
      context.output.result(await exportRunsAsJson(runs, readPoints, names), '');
      return;
    }
    const text =
      options.format === 'json'
        ? `${JSON.stringify(await exportRunsAsJson(runs, readPoints, names), null, 1)}\n`
        : await exportRunsAsCsv(runs, readPoints, names);
    if (options.out === undefined) {
      context.output.result(null, text.trimEnd());
      return;
    }
    const file = await writeOutputFile(context, options.out, text);
    context.output.result({ file, runs: runs.map((run) => run.id) }, `Wrote ${file}`);
  });
}

async function exportArchive(
  context: CommandContext,
  runs: readonly RunOverview[],
  file: string,
  databaseDirectory: string,
): Promise<void> {
  const { exportRunArchive } = await import('../archives/runArchive.ts');
  const report = await exportRunArchive(
    context.labDirectory,
    runs.map((run) => run.id),
    file,
    { databaseDirectory },
  );
  context.output.result(report, `Wrote ${file}: ${runs.length} runs, ${formatBytes(report.bytes)}.`);
}

async function importRuns(context: CommandContext, file: string): Promise<void> {
  await context.withLab(async (session) => {
    const { client } = session;
    let jobId = '';
    await followJob(
      session,
      async () => {
        const job = await client.invoke('runs.import', { path: context.resolvePath(file) });
        jobId = job.id;
        return job;
      },
      {
        onProgress: () => undefined,
        cancelled: new LabError(
          'cancelled',
          'The import was cancelled.',
          'No run was added; start it again at any time.',
        ),
      },
    );
    const imported = await client.invoke('runs.imported', { jobId });
    const count = (outcome: string): number => imported.runs.filter((run) => run.outcome === outcome).length;
    for (const { from, id, outcome } of imported.runs) {
      if (outcome === 'addedUnderNewId')
        context.output.note(`Run ${from} is called ${id} here: that id is another run’s.`);
    }
    for (const dataset of imported.missingDatasets) {
      context.output.note(`The data set “${dataset}” is not in this lab: import it to resume its runs.`);
    }
    const there = count('there');
    const added = imported.runs.length - there;
    context.output.result(imported, `Added ${added} runs${there === 0 ? '' : `; ${there} were here already`}.`);
  });
}

async function compare(context: CommandContext, ids: readonly string[], svg: string | undefined): Promise<void> {
  await context.withReader(async (reader) => {
    const runs = await reader.invoke('runs.find', { ids: [...ids] });
    const rows = compareRuns(runs);
    let figure: string | null = null;
    if (svg !== undefined) {
      const [{ renderSvg }, { describeRunCurves }] = await Promise.all([
        import('../figures/svg.ts'),
        import('./runCurves.ts'),
      ]);
      const title = runs[0]?.experimentName ?? 'Comparison';
      const chart = await describeRunCurves(title, await readRuns(reader, runs), createPointReader(reader));
      figure = await writeOutputFile(context, svg, renderSvg(chart, { generator: `NormLab ${appVersion()}` }));
    }
    context.output.result(
      { rows, runs: runs.map((run) => run.id), figure },
      `${formatComparison(rows)}${figure === null ? '' : `\n\nCurves: ${figure}`}`,
    );
  });
}
