import { isAbsolute, join, relative } from 'node:path';
import { homedir } from 'node:os';
import { lastBackupSchema, type Handlers } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import { LabSize } from '../../archives/labSize.ts';
import type { ContractContext } from '../context.ts';
import { ownMemoryPrefix } from '../deletedExperiments.ts';

const lastBackupKey = `${ownMemoryPrefix}lastBackup`;

/** What concerns the lab as a whole; what few need is loaded late. */
export function labHandlers({
  lab,
  jobs,
}: ContractContext): Pick<Handlers, 'lab.describe' | 'lab.size' | 'lab.backup' | 'lab.diagnostics'> {
  const size = new LabSize(lab.directory);
  return {
    'lab.describe': () =>
      Promise.resolve({
        directory: lab.directory,
        lastBackup: lastBackupSchema.safeParse(lab.store.memory.get(lastBackupKey)).data ?? null,
        suggestedBackupFile: join(homedir(), `normlab-backup-${new Date().toISOString().slice(0, 10)}.tar`),
        damaged: lab.store.damaged(),
      }),
    'lab.size': async () => ({ bytes: await size.read() }),
    async 'lab.backup'({ path, datasets }) {
      requireOutside(lab.directory, path);
      const { backupLab } = await import('../../archives/labBackup.ts');
      return jobs.start({
        kind: 'backupLab',
        title: 'Back up the lab',
        unit: 'bytes',
        key: 'backupLab',
        async run({ signal, report }) {
          const { file, bytes, runs, damaged } = await backupLab(lab.directory, path, {
            datasets,
            signal,
            copyTo: (to, watch) => lab.store.copyTo(to, watch),
            onProgress: (phase, done, total) => {
              report({ phase, done, total });
            },
          });
          const madeAt = new Date().toISOString();
          const said = damaged.map(({ message }) => message);
          lab.store.memory.set(lastBackupKey, { file, bytes, runs, madeAt, damaged: said });
          return null;
        },
      });
    },
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

/** A backup within the lab would be lost with it, and would be in the next one. */
function requireOutside(directory: string, file: string): void {
  if (!isAbsolute(file)) {
    throw new LabError('invalidArgument', `“${file}” is no full path.`, 'Write it from the root, as in /home/….');
  }
  const inside = relative(directory, file);
  if (inside.startsWith('..') || isAbsolute(inside)) return;
  throw new LabError(
    'invalidArgument',
    `“${file}” is inside the lab’s own folder.`,
    'Name a file elsewhere, best on another disk.',
  );
}
