import type { Command } from 'commander';
import type { CommandContext } from './context.ts';
import { formatBytes } from './format.ts';

export function addBackupCommand(program: Command, context: CommandContext): void {
  program
    .command('backup')
    .description('write the whole lab into one file, also while it is in use')
    .argument('<file>')
    .option('--no-datasets', 'leave the data sets out')
    .action((file: string, options: { datasets: boolean }) => backup(context, file, options));
}

export function addRestoreCommand(program: Command, context: CommandContext): void {
  program
    .command('restore')
    .description('make a lab folder from a backup: a new one, named with --lab')
    .argument('<file>')
    .action((file: string) => restore(context, file));
}

async function backup(context: CommandContext, file: string, options: { datasets: boolean }): Promise<void> {
  const { backupLab } = await import('../archives/labBackup.ts');
  const report = await backupLab(context.labDirectory, context.resolvePath(file), options);
  for (const { message, hint } of report.damaged) context.output.note(`${message} ${hint}`);
  const datasets = report.datasets.length === 0 ? 'without data sets' : `with ${report.datasets.join(', ')}`;
  context.output.result(
    report,
    `Wrote ${report.file}: ${report.runs} runs, ${datasets}, ${formatBytes(report.bytes)}.`,
  );
}

async function restore(context: CommandContext, file: string): Promise<void> {
  const { restoreLab } = await import('../archives/labBackup.ts');
  const report = await restoreLab(context.resolvePath(file), context.labDirectory);
  context.output.result(report, `Restored ${report.runs} runs into ${report.directory}.`);
}
