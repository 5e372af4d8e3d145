import type { Handlers } from '#shared/contract.ts';
import type { ContractContext } from '../context.ts';

/** What concerns the lab as a whole. Loaded late: few need it. */
export function labHandlers({ lab }: ContractContext): Pick<Handlers, 'lab.diagnostics'> {
  return {
    async 'lab.diagnostics'() {
      const [{ collectDiagnostics, diagnosticsNames }, { packDiagnostics, diagnosticsFileName }] = await Promise.all([
        import('../../diagnostics/collectDiagnostics.ts'),
        import('../../diagnostics/diagnosticsBundle.ts'),
      ]);
      const diagnostics = await collectDiagnostics(lab);
      const bytes = await packDiagnostics(diagnostics, diagnosticsNames(lab.directory));
      return { fileName: diagnosticsFileName(diagnostics.createdAt), base64: bytes.toString('base64') };
    },
  };
}
