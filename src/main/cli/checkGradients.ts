import { Option, type Command } from 'commander';
import { gradientCheckExplanation, summarizeMethodCheck } from '#shared/domain/methodCheck.ts';
import { methodVerification } from '#shared/domain/methodVerification.ts';
import { methodIds } from '#shared/domain/methods/index.ts';
import type { MethodCheck } from '#shared/protocol.ts';
import { checkMethods } from '../runs/trainerTask.ts';
import type { CommandContext } from './context.ts';
import { withEngine } from './engineWork.ts';
import { formatTable } from './format.ts';
import { UsageError } from './usageError.ts';

interface CheckGradientsOptions {
  engine: 'auto' | 'tensorflow' | 'javascript';
  method?: string[];
}

export function addCheckGradientsCommand(engines: Command, context: CommandContext): void {
  engines
    .command('check-gradients')
    .description('check every method: gradient by finite differences, losses by stored ones, same bits twice')
    .addOption(new Option('--engine <engine>').choices(['auto', 'tensorflow', 'javascript']).default('auto'))
    .option('--method <ids...>', 'only these methods')
    .action((options: CheckGradientsOptions) => checkGradients(context, options));
}

async function checkGradients(context: CommandContext, { engine, method }: CheckGradientsOptions): Promise<void> {
  const unknown = method?.find((name) => !methodIds.some((id) => id === name));
  if (unknown !== undefined) {
    throw new UsageError(
      'invalidArgument',
      `There is no method “${unknown}”.`,
      `Choose from: ${methodIds.join(', ')}.`,
    );
  }
  await withEngine(context, engine, async (location, { line, signal }) => {
    const result = await checkMethods(
      context.launcher,
      { engine: location, methods: method ?? null },
      (check, done, total) => {
        line.update('checking', done / total, summarizeMethodCheck(check).name);
      },
      signal,
    );
    line.clear();
    const ok = result.checks.every((check) => check.ok);
    if (!ok) context.exitStatus = 1;
    const { title } = result.engine;
    context.output.result({ ok, engine: title, checks: result.checks }, formatChecks(title, result.checks));
  });
}

function formatChecks(engine: string, checks: readonly MethodCheck[]): string {
  const exponent = (value: number | null): string => value?.toExponential(1) ?? '–';
  const rows = checks.map((check) => ({ check, summary: summarizeMethodCheck(check) }));
  const table = formatTable(rows, [
    { title: 'method', value: ({ summary }) => summary.name },
    {
      title: 'gradient of',
      value: ({ check }) => (check.derivativeOf === 'loss' ? 'the loss' : 'the loss, constants held'),
    },
    { title: 'directions', value: ({ check }) => String(check.directions), align: 'right' },
    { title: 'gradient error', value: ({ summary }) => exponent(summary.gradientError), align: 'right' },
    { title: 'loss error', value: ({ summary }) => exponent(summary.lossError), align: 'right' },
    { title: 'same bits', value: ({ summary }) => (summary.sameBits ? 'yes' : 'NO') },
    { title: 'time', value: ({ check }) => `${check.seconds.toFixed(1)} s`, align: 'right' },
    { title: 'verdict', value: ({ summary }) => summary.verdict },
  ]);
  const { gradientTolerance, lossTolerance } = methodVerification;
  return [
    engine,
    table,
    gradientCheckExplanation,
    `Largest errors of all ways of computing; tolerances ${gradientTolerance} (gradient, relative) and ${lossTolerance} (loss).`,
  ].join('\n\n');
}
