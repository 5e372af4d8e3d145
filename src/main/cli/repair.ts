import type { Command } from 'commander';
import type { CommandContext } from './context.ts';

export function addRepairCommand(program: Command, context: CommandContext): void {
  program
    .command('repair')
    .description('verify everything in the lab’s database; where it is damaged, save the rest into a new one')
    .option('--verify', 'only verify')
    .action((options: { verify?: boolean }) => repair(context, options.verify ?? false));
}

async function repair(context: CommandContext, verifyOnly: boolean): Promise<void> {
  const { repairLab } = await import('../store/repairLab.ts');
  const report = repairLab(context.labDirectory, { verifyOnly });
  const { found, salvage } = report;
  if (found.length > 0 && salvage === null) context.exitStatus = 1;
  const lines =
    salvage === null
      ? found
      : [
          ...found,
          `Saved ${salvage.runs} runs of ${salvage.experiments} experiments into a new database.`,
          ...salvage.problems,
          `The damaged database is kept as ${salvage.keptFile}.`,
        ];
  context.output.result(report, lines.length === 0 ? 'The lab’s database is whole.' : lines.join('\n'));
}
