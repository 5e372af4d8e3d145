import { Option, type Command } from 'commander';
import { architectureIds } from '#shared/domain/architectures/index.ts';
import { exampleDatasetId } from '#shared/domain/dataset.ts';
import { methodIds } from '#shared/domain/methods/index.ts';
import { parseRunDocument } from '#shared/domain/run.ts';
import type { BenchRecord } from '#shared/protocol.ts';
import { openEngines } from '../lab.ts';
import { benchEngine } from '../runs/trainerTask.ts';
import type { CommandContext } from './context.ts';
import { formatBytes, formatRate, formatTable } from './format.ts';
import { onInterrupts } from './interrupts.ts';
import { ProgressLine, showInstallProgress } from './progressLine.ts';
import { asUsage, UsageError } from './usageError.ts';

interface BenchOptions {
  architecture: string;
  method: string;
  batchSize: string;
  steps: string;
  precision: string;
  engine: 'auto' | 'tensorflow' | 'javascript';
}

export function addBenchCommand(program: Command, context: CommandContext): void {
  program
    .command('bench')
    .description('Measure training steps: eager and compiled, composed and fused, interleaved.')
    .addOption(new Option('--architecture <id>').choices(architectureIds).default('paper-cnn'))
    .addOption(new Option('--method <id>').choices(methodIds).default('batchNorm'))
    .option('--batch-size <images>', 'images in one step', '64')
    .option('--steps <count>', 'timed steps of each variant', '15')
    .addOption(new Option('--precision <precision>').choices(['float32', 'bfloat16']).default('float32'))
    .addOption(new Option('--engine <engine>').choices(['auto', 'tensorflow', 'javascript']).default('auto'))
    .action((options: BenchOptions) => bench(context, options));
}

function readCount(text: string, option: string, maximum: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= maximum) return value;
  throw new UsageError(
    'invalidArgument',
    `“${text}” after ${option} is not a count.`,
    `Write a whole number from 1 to ${maximum}.`,
  );
}

async function bench(context: CommandContext, options: BenchOptions): Promise<void> {
  const steps = readCount(options.steps, '--steps', 100_000);
  const batchSize = readCount(options.batchSize, '--batch-size', 65_536);
  const document = asUsage(() =>
    parseRunDocument({
      dataset: { id: exampleDatasetId },
      architecture: { id: options.architecture },
      method: { id: options.method },
      batchSize,
      execution: { engine: options.engine, precision: options.precision },
    }),
  );
  const { output } = context;
  const line = new ProgressLine(output);
  const abort = new AbortController();
  const endInterrupts = onInterrupts(
    () => abort.abort(),
    () => process.exit(130),
  );
  try {
    const { location, notes } = await openEngines(context.launcher).choose(options.engine, {
      install: true,
      signal: abort.signal,
      onProgress: (progress) => {
        showInstallProgress(line, progress);
      },
    });
    line.clear();
    for (const note of notes) output.note(`${note.message} ${note.hint}`);
    line.update('measuring', null, `${steps} steps of each variant, batch size ${batchSize}`);
    const records = await benchEngine(context.launcher, { engine: location, document, steps }, abort.signal);
    line.clear();
    output.result(records, formatBench(records));
  } finally {
    line.clear();
    endInterrupts();
  }
}

function formatBench(records: readonly BenchRecord[]): string {
  const slowest = Math.min(...records.map((record) => record.samplesPerSecond.median));
  return formatTable(records, [
    { title: 'engine', value: (record) => record.engine },
    { title: 'mode', value: (record) => record.mode },
    { title: 'operations', value: (record) => record.operations },
    { title: 'precision', value: (record) => record.precision },
    { title: 'samples/s', value: (record) => formatRate(record.samplesPerSecond.median), align: 'right' },
    {
      title: 'range',
      value: ({ samplesPerSecond: { minimum, maximum } }) => `${formatRate(minimum)} … ${formatRate(maximum)}`,
    },
    { title: 'times', value: (record) => (record.samplesPerSecond.median / slowest).toFixed(2), align: 'right' },
    { title: 'peak memory', value: (record) => formatBytes(record.peakMemoryBytes), align: 'right' },
  ]);
}
