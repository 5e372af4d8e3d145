import { Option, type Command } from 'commander';
import { architectureIds } from '#shared/domain/architectures/index.ts';
import { exampleDatasetId } from '#shared/domain/dataset.ts';
import { methodIds } from '#shared/domain/methods/index.ts';
import { parseRunDocument } from '#shared/domain/run.ts';
import type { BenchRecord } from '#shared/protocol.ts';
import { benchEngine } from '../runs/trainerTask.ts';
import type { CommandContext } from './context.ts';
import { withEngine } from './engineWork.ts';
import { formatBytes, formatRate, formatTable } from './format.ts';
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
    .addOption(new Option('--architecture <id>', 'network').choices(architectureIds).default('paper-cnn'))
    .addOption(
      new Option('--method <id>', 'what its layers are normalized or regularized with')
        .choices(methodIds)
        .default('batchNorm'),
    )
    .option('--batch-size <images>', 'images in one step', '64')
    .option('--steps <count>', 'timed steps of each variant', '15')
    .addOption(
      new Option('--precision <precision>', 'of compiled steps').choices(['float32', 'bfloat16']).default('float32'),
    )
    .addOption(
      new Option('--engine <engine>', 'what computes; auto takes the fastest')
        .choices(['auto', 'tensorflow', 'javascript'])
        .default('auto'),
    )
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
  const records = await withEngine(context, options.engine, (engine, { line, signal }) => {
    line.update('measuring', null, `${steps} steps of each variant, batch size ${batchSize}`);
    return benchEngine(context.launcher, { engine, document, steps }, signal);
  });
  context.output.result(records, formatBench(records));
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
