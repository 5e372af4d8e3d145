import { Option, type Command } from 'commander';
import type { ParityRecord } from '#shared/protocol.ts';
import { findParityFixtures, repeatReferenceRuns } from '../verification/parityFixtures.ts';
import type { CommandContext } from './context.ts';
import { withEngine } from './engineWork.ts';
import { formatTable } from './format.ts';

interface ParityOptions {
  engine: 'auto' | 'tensorflow' | 'javascript';
}

export function addParityCommand(program: Command, context: CommandContext): void {
  program
    .command('parity')
    .argument('<directory>', 'folder of a reference run, or one that holds several')
    .description('Repeat reference runs of another program and compare losses, gradients, weights and evaluation.')
    .addOption(
      new Option('--engine <engine>', 'what computes; auto takes the fastest')
        .choices(['auto', 'tensorflow', 'javascript'])
        .default('auto'),
    )
    .action((directory: string, options: ParityOptions) => parity(context, context.resolvePath(directory), options));
}

async function parity(context: CommandContext, directory: string, options: ParityOptions): Promise<void> {
  const fixtures = findParityFixtures(directory);
  const records: ParityRecord[] = [];
  await withEngine(context, options.engine, async (engine, { line, signal }) => {
    const onProgress = (done: number, fixture: string): void => {
      line.update('comparing', done / fixtures.length, fixture);
    };
    records.push(...(await repeatReferenceRuns(context.launcher, engine, fixtures, { signal, onProgress })));
  });
  context.output.result(records, formatParity(records));
  if (records.some(({ ok }) => !ok)) context.exitStatus = 1;
}

/** The error nearest to its tolerance, or furthest beyond it; what is no number is worst. */
function worstError({ errors, tolerances }: ParityRecord): { kind: string; error: number; tolerance: number } | null {
  const share = (error: number, tolerance: number): number =>
    Number.isNaN(error) ? Infinity : error === 0 ? 0 : error / tolerance;
  const ordered = Object.entries(tolerances)
    .map(([kind, tolerance]) => ({ kind, tolerance, error: errors[kind] ?? NaN }))
    .sort((left, right) => share(right.error, right.tolerance) - share(left.error, left.tolerance));
  return ordered[0] ?? null;
}

function formatError(value: number | undefined): string {
  return value === undefined ? '–' : value === 0 ? '0' : value.toExponential(1);
}

/** A line for each reference run and way of computing; for one run alone, its steps and all its errors too. */
export function formatParity(records: readonly ParityRecord[]): string {
  const table = formatTable(records, [
    { title: 'reference run', value: ({ fixture }) => fixture },
    { title: 'mode', value: ({ mode }) => mode },
    { title: 'operations', value: ({ operations }) => operations },
    { title: 'loss', value: ({ errors }) => formatError(errors['lossAbs']), align: 'right' },
    { title: 'update', value: ({ errors }) => formatError(errors['updateRel']), align: 'right' },
    { title: 'statistics', value: ({ errors }) => formatError(errors['statisticsRel']), align: 'right' },
    { title: 'evaluation', value: ({ errors }) => formatError(errors['evalLossAbs']), align: 'right' },
    {
      title: 'nearest to its tolerance',
      value: (record) => {
        const worst = worstError(record);
        return worst === null ? '–' : `${worst.kind} ${formatError(worst.error)} of ${formatError(worst.tolerance)}`;
      },
    },
    {
      title: 'verdict',
      value: ({ ok, exceeded, problem }) => (ok ? 'within' : (problem ?? `exceeds ${exceeded.join(', ')}`)),
    },
  ]);
  const failed = records.filter(({ ok }) => !ok).length;
  const parts = [records[0]?.engine ?? '', table];
  if (new Set(records.map(({ fixture }) => fixture)).size === 1) parts.push(...records.map(formatSteps));
  parts.push(
    failed === 0 ? `All ${records.length} within tolerance.` : `${failed} of ${records.length} not within tolerance.`,
  );
  return parts.filter((part) => part !== '').join('\n\n');
}

function formatSteps({ mode, operations, steps, errors, tolerances }: ParityRecord): string {
  const title = `${mode}, ${operations}`;
  const perStep = formatTable(steps, [
    { title: 'step', value: ({ step }) => String(step), align: 'right' },
    { title: 'loss', value: ({ loss }) => loss.toFixed(6), align: 'right' },
    { title: 'error', value: ({ lossError }) => formatError(lossError), align: 'right' },
    { title: 'penalty', value: ({ penalty }) => penalty.toFixed(6), align: 'right' },
    { title: 'error', value: ({ penaltyError }) => formatError(penaltyError), align: 'right' },
  ]);
  const all = formatTable(Object.entries(tolerances), [
    { title: 'error', value: ([kind]) => kind },
    { title: 'measured', value: ([kind]) => formatError(errors[kind]), align: 'right' },
    { title: 'tolerance', value: ([, tolerance]) => formatError(tolerance), align: 'right' },
  ]);
  return [title, ...(steps.length > 0 ? [perStep] : []), all].join('\n\n');
}
