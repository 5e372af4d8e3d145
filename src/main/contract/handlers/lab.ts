import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, isAbsolute, join, relative } from 'node:path';
import { homedir } from 'node:os';
import { lastBackupSchema, lastRepairSchema, type Handlers, type LastRepair } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import { LabSize } from '../../archives/labSize.ts';
import type { RepairReport } from '../../store/repairLab.ts';
import type { ContractContext } from '../context.ts';
import { reportBytes } from '../jobs.ts';
import { ownMemoryPrefix } from '../deletedExperiments.ts';

const lastBackupKey = `${ownMemoryPrefix}lastBackup`;
const lastRepairKey = `${ownMemoryPrefix}lastRepair`;

type LabMethods = 'lab.describe' | 'lab.size' | 'lab.backup' | 'lab.restore' | 'lab.repair' | 'lab.diagnostics';

/** What concerns the lab as a whole; what few need is loaded late. */
export function labHandlers({ lab, jobs, events }: ContractContext): Pick<Handlers, LabMethods> {
  const size = new LabSize(lab.directory);
  return {
    async 'lab.describe'() {
      const today = new Date().toISOString().slice(0, 10);
      return {
        directory: lab.directory,
        lastBackup: lastBackupSchema.safeParse(lab.store.memory.get(lastBackupKey)).data ?? null,
        suggestedBackupFile: findFreePath(join(homedir(), `normlab-backup-${today}.tar`)),
        suggestedRunsFile: findFreePath(join(homedir(), `normlab-runs-${today}.tar`)),
        suggestedRestoreDirectory: findFreePath(join(homedir(), 'normlab-restored')),
        lastRepair: lastRepairSchema.safeParse(lab.store.memory.get(lastRepairKey)).data ?? null,
        damaged: await lab.store.findDamage(),
      };
    },
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
    async 'lab.restore'({ path, directory }) {
      requireFullPath(path);
      requireOutside(lab.directory, directory);
      const { restoreLab } = await import('../../archives/labBackup.ts');
      return jobs.start({
        kind: 'restoreLab',
        title: 'Restore a backup',
        unit: 'bytes',
        key: `restoreLab ${directory}`,
        async run({ signal, report }) {
          const totalBytes = (await stat(path).catch(() => null))?.size ?? null;
          const onBytes = reportBytes(report, 'Unpacking and checking', totalBytes);
          const restored = await restoreLab(path, directory, { signal, onBytes });
          return restored.directory;
        },
      });
    },
    'lab.repair'() {
      const busy = jobs.list().find((job) => job.state === 'running');
      if (busy !== undefined && busy.kind !== 'repairLab') {
        throw new LabError(
          'invalidState',
          `The lab’s database cannot be repaired meanwhile: ${busy.title}.`,
          'Wait until that is done, or cancel it.',
        );
      }
      const job = jobs.start({
        kind: 'repairLab',
        title: 'Verify and repair the lab’s database',
        unit: 'checks',
        key: 'repairLab',
        async run({ report }) {
          report({ phase: 'Reading everything', done: 0, total: null });
          const repaired = describeRepair(await lab.repair());
          lab.store.memory.set(lastRepairKey, repaired);
          // Runs may be gone, and others can be read again.
          events.emit('resync', {});
          return null;
        },
      });
      return Promise.resolve(job);
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

function describeRepair({ found, salvage }: RepairReport): LastRepair {
  const saved =
    salvage === null
      ? null
      : {
          experiments: salvage.experiments,
          runs: salvage.runs,
          lost: salvage.problems,
          keptFile: salvage.keptFile,
        };
  return { madeAt: new Date().toISOString(), found, saved };
}

function findFreePath(path: string): string {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  let free = path;
  for (let number = 2; existsSync(free); number += 1) free = `${stem}-${number}${extension}`;
  return free;
}

function requireFullPath(path: string): void {
  if (isAbsolute(path)) return;
  throw new LabError('invalidArgument', `“${path}” is no full path.`, 'Write it from the root, as in /home/….');
}

/** What is made within the lab would be lost with it, and would be in its next backup. */
export function requireOutside(directory: string, path: string): void {
  requireFullPath(path);
  const inside = relative(directory, path);
  if (inside.startsWith('..') || isAbsolute(inside)) return;
  throw new LabError(
    'invalidArgument',
    `“${path}” is inside the lab’s own folder.`,
    'Name a place elsewhere, best on another disk.',
  );
}
