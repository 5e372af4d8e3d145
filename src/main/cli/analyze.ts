import { Option, type Command } from 'commander';
import { analysisSchema, type Analysis, type AnalysisResult } from '#shared/protocol.ts';
import { describeProblems } from '#shared/describeProblems.ts';
import { openEngines } from '../lab.ts';
import { analyzeCheckpoint } from '../runs/trainerTask.ts';
import type { CommandContext } from './context.ts';
import { formatLoss, formatPercent, formatTable } from './format.ts';
import { onInterrupts } from './interrupts.ts';
import { writeOutputFile } from './outputFile.ts';
import { ProgressLine, showInstallProgress } from './progressLine.ts';
import { checkpointHelp, findCheckpoint, findDatasetOf, readCheckpointChoice } from './trainedCheckpoint.ts';
import { UsageError } from './usageError.ts';

interface AnalyzeOptions {
  kind: Analysis['kind'];
  layers?: string;
  orders?: string;
  points?: string;
  orderSeed?: string;
  images?: string;
  checkpoint?: string;
  out?: string;
  engine: 'auto' | 'tensorflow' | 'javascript';
}

/** Largest difference of logits, as a share of the largest logit where that is above 1, at which two networks count as equal. */
export const foldTolerance = 1e-4;

export function addAnalyzeCommand(program: Command, context: CommandContext): void {
  program
    .command('analyze')
    .description('Find something out about a trained network: from a run’s newest checkpoint, or another.')
    .argument('<run>', 'id of a run, or its beginning')
    .addOption(
      new Option(
        '--kind <kind>',
        'ablation: accuracy after fixing random channels to their means; reestimate: evaluation with batch statistics taken anew; fold: normalizers folded into kernels, against the network as it is; diagnostics: everything about layers and channels',
      )
        .choices(analysisSchema.options.map(({ shape }) => shape.kind.value))
        .makeOptionMandatory(),
    )
    .option('--layers <names>', 'ablation: all, or names joined by + (default: all)')
    .option('--orders <count>', 'ablation: random orders (default: 3)')
    .option('--points <count>', 'ablation: numbers of channels that are evaluated (default: 11)')
    .option('--order-seed <seed>', 'ablation: draws the orders (default: 1)')
    .option('--images <count>', 'training images that means and statistics are taken over')
    .option('--checkpoint <which>', checkpointHelp)
    .option('--out <file>', 'also write what was found, as .json, or ablation and diagnostics as .csv')
    .addOption(new Option('--engine <engine>').choices(['auto', 'tensorflow', 'javascript']).default('auto'))
    .action((run: string, options: AnalyzeOptions) => analyze(context, run, options));
}

/** @throws UsageError naming every option that is wrong or of another kind of analysis. */
export function readAnalysis(options: AnalyzeOptions): Analysis {
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  const given = {
    layers: options.layers === undefined || options.layers === 'all' ? options.layers : options.layers.split('+'),
    orders: number(options.orders),
    points: number(options.points),
    seed: number(options.orderSeed),
    images: number(options.images),
  };
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const parsed = analysisSchema.safeParse({ kind: options.kind, ...present });
  if (parsed.success) return parsed.data;
  throw new UsageError(
    'invalidArgument',
    `The analysis ${options.kind} cannot be made so: ${describeProblems(parsed.error)}.`,
    'Look at the options with `analyze --help`.',
  );
}

async function analyze(context: CommandContext, id: string, options: AnalyzeOptions): Promise<void> {
  const { output, launcher } = context;
  const analysis = readAnalysis(options);
  const out = options.out === undefined ? null : context.resolvePath(options.out);
  if (out !== null) checkOutput(out, analysis.kind);
  const { run, checkpoint } = await findCheckpoint(context, id, readCheckpointChoice(options.checkpoint));
  const datasetDirectory = await findDatasetOf(context, run);
  const line = new ProgressLine(output);
  const abort = new AbortController();
  const endInterrupts = onInterrupts(
    () => abort.abort(),
    () => process.exit(130),
  );
  try {
    const { location, notes } = await openEngines(launcher).choose(options.engine, {
      install: true,
      signal: abort.signal,
      onProgress: (progress) => {
        showInstallProgress(line, progress);
      },
    });
    line.clear();
    for (const note of notes) output.note(`${note.message} ${note.hint}`);
    line.update('analyzing', null, `${run.label}, step ${checkpoint.step}`);
    const { document } = run;
    const task = { engine: location, document, datasetDirectory, checkpoint: checkpoint.file, analysis };
    const { step, engine, result } = await analyzeCheckpoint(launcher, task, abort.signal);
    line.clear();
    const found = { run: run.id, label: run.label, seed: document.seed, step, engine, ...toJson(result) };
    if (out !== null) {
      await writeOutputFile(context, out, out.endsWith('.csv') ? toCsv(result) : `${JSON.stringify(found, null, 1)}\n`);
    }
    const written = out === null ? '' : `\n\nWrote ${out}`;
    output.result(found, `${run.label}, seed ${document.seed}, step ${step}\n\n${formatAnalysis(result)}${written}`);
    if (result.kind === 'fold' && !isEqual(result)) context.exitStatus = 1;
  } finally {
    line.clear();
    endInterrupts();
  }
}

function checkOutput(file: string, kind: Analysis['kind']): void {
  const allowed = kind === 'ablation' || kind === 'diagnostics' ? ['.json', '.csv'] : ['.json'];
  if (allowed.some((ending) => file.endsWith(ending))) return;
  throw new UsageError(
    'invalidArgument',
    `“${file}” after --out has none of the endings ${allowed.join(', ')}.`,
    `Name a file that ends with ${allowed.join(' or ')}.`,
  );
}

type FoldResult = Extract<AnalysisResult, { kind: 'fold' }>;

function isEqual({ largestLogitDifference, largestLogit }: FoldResult): boolean {
  return largestLogitDifference <= foldTolerance * Math.max(1, largestLogit);
}

/** Values that are not finite become null in JSON. */
function toJson(result: AnalysisResult): object {
  if (result.kind === 'fold') return { ...result, tolerance: foldTolerance, isEqual: isEqual(result) };
  if (result.kind !== 'diagnostics') return result;
  const channels = Object.entries(result.channels).map(([name, values]) => [name, [...values]] as const);
  return { ...result, channels: Object.fromEntries(channels) };
}

/** One row a value (RFC 4180). */
export function toCsv(result: AnalysisResult): string {
  const rows: (string | number)[][] = [];
  if (result.kind === 'ablation') {
    rows.push(['order', 'fixedChannels', 'channels', 'accuracy']);
    for (const { fixed, accuracies } of result.curve) {
      accuracies.forEach((accuracy, order) => rows.push([order, fixed, result.channels, accuracy]));
    }
  } else if (result.kind === 'diagnostics') {
    rows.push(['quantity', 'layer', 'channel', 'value']);
    for (const [name, value] of Object.entries(result.layers)) rows.push([...name.split('/'), '', value]);
    for (const [name, values] of Object.entries(result.channels)) {
      values.forEach((value, channel) => rows.push([...name.split('/'), channel, value]));
    }
  }
  return rows.map((row) => `${row.join(',')}\r\n`).join('');
}

function formatAnalysis(result: AnalysisResult): string {
  switch (result.kind) {
    case 'ablation':
      return [
        `${result.layers.join(', ')}: ${result.channels} channels, ${result.images} validation images`,
        formatTable(result.curve, [
          { title: 'fixed', value: ({ fixed }) => String(fixed), align: 'right' },
          { title: 'share', value: ({ fixed }) => formatPercent(fixed / result.channels), align: 'right' },
          { title: 'accuracy', value: ({ meanAccuracy }) => formatPercent(meanAccuracy), align: 'right' },
          {
            title: 'range over orders',
            value: ({ accuracies }) =>
              `${formatPercent(Math.min(...accuracies))} … ${formatPercent(Math.max(...accuracies))}`,
          },
        ]),
        `Area under the curve: ${result.area.toFixed(4)}`,
      ].join('\n\n');
    case 'reestimate':
      return [
        `Statistics of ${result.images} training images in place of the running averages`,
        formatTable(
          [
            { name: 'running averages', ...result.before },
            { name: 'taken anew', ...result.after },
          ],
          [
            { title: 'statistics', value: ({ name }) => name },
            { title: 'validation loss', value: ({ loss }) => formatLoss(loss), align: 'right' },
            { title: 'accuracy', value: ({ accuracy }) => formatPercent(accuracy), align: 'right' },
          ],
        ),
        formatTable(result.layers, [
          { title: 'layer', value: ({ name }) => name },
          { title: '|Δμ|/σ', value: ({ meanDrift }) => formatLoss(meanDrift), align: 'right' },
          { title: '|Δσ|/σ', value: ({ deviationDrift }) => formatLoss(deviationDrift), align: 'right' },
        ]),
      ].join('\n\n');
    case 'fold':
      return [
        `Largest difference of a logit on ${result.images} validation images: ${result.largestLogitDifference.toExponential(2)} (largest logit ${result.largestLogit.toFixed(2)})`,
        formatTable(
          [
            { name: 'as it is', ...result.before },
            { name: 'folded', ...result.after },
          ],
          [
            { title: 'network', value: ({ name }) => name },
            { title: 'validation loss', value: ({ loss }) => formatLoss(loss), align: 'right' },
            { title: 'accuracy', value: ({ accuracy }) => formatPercent(accuracy), align: 'right' },
          ],
        ),
        isEqual(result)
          ? `Equal within ${foldTolerance} of the largest logit.`
          : `Not equal within ${foldTolerance} of the largest logit.`,
      ].join('\n\n');
    case 'diagnostics':
      return formatDiagnostics(result);
  }
}

function formatDiagnostics({ images, layers, channels }: Extract<AnalysisResult, { kind: 'diagnostics' }>): string {
  const mean = (values: Float64Array): number => {
    const present = values.filter((value) => !Number.isNaN(value));
    return present.reduce((sum, value) => sum + value, 0) / present.length;
  };
  const rows = [
    ...Object.entries(layers).map(([name, value]) => ({ name, value, count: null })),
    ...Object.entries(channels).map(([name, values]) => ({ name, value: mean(values), count: values.length })),
  ];
  const table = formatTable(rows, [
    { title: 'quantity', value: ({ name }) => name.split('/')[0] ?? '' },
    { title: 'layer', value: ({ name }) => name.split('/')[1] ?? '' },
    { title: 'value or mean', value: ({ value }) => formatLoss(value), align: 'right' },
    { title: 'channels', value: ({ count }) => (count === null ? '–' : String(count)), align: 'right' },
  ]);
  return `${images} training images\n\n${table}`;
}
