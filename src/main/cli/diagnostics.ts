import { writeFileAtomically } from '#files/atomicWrite.ts';
import { LabError, toLabErrorData } from '#shared/errors.ts';
import type { Command } from 'commander';
import type { CommandContext } from './context.ts';

export function addDiagnosticsCommand(program: Command, context: CommandContext): void {
  program
    .command('diagnostics')
    .description('write what a report about a fault needs into one file, without personal names and paths')
    .option('--out <file>', 'the archive (.tar.gz); by default in the current folder, with the date in its name')
    .action((options: { out?: string }) => writeDiagnostics(context, options.out));
}

async function writeDiagnostics(context: CommandContext, out: string | undefined): Promise<void> {
  const { fileName, bytes, problem } = await collect(context);
  const file = context.resolvePath(out ?? fileName);
  await writeFileAtomically(file, bytes);
  if (problem !== null) context.output.note(`The lab itself could not be asked: ${problem}`);
  context.output.result({ file, bytes: bytes.length }, `Wrote ${file}. Look through it before you send it.`);
}

async function collect(context: CommandContext): Promise<{ fileName: string; bytes: Buffer; problem: string | null }> {
  try {
    const { fileName, base64 } = await context.withLab(({ client }) => client.invoke('lab.diagnostics', {}));
    return { fileName, bytes: Buffer.from(base64, 'base64'), problem: null };
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    // A lab that does not open is what a report may be about.
    const [{ collectDiagnosticsOfClosedLab, diagnosticsNames }, { packDiagnostics, diagnosticsFileName }] =
      await Promise.all([
        import('../diagnostics/collectDiagnostics.ts'),
        import('../diagnostics/diagnosticsBundle.ts'),
      ]);
    const diagnostics = await collectDiagnosticsOfClosedLab(context.labDirectory, toLabErrorData(error));
    return {
      fileName: diagnosticsFileName(diagnostics.createdAt),
      bytes: await packDiagnostics(diagnostics, diagnosticsNames(context.labDirectory)),
      problem: error.message,
    };
  }
}
