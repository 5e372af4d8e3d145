import Database from 'better-sqlite3';
import type { LabErrorData } from '#shared/errors.ts';
import { acquireLabLock } from './labLock.ts';
import { databasePath, openStore } from './openStore.ts';
import { finishReplacement, salvageDatabase, type SalvageReport } from './salvage.ts';
import { toStoreError } from './storeErrors.ts';
import type { Store } from './store.ts';

export interface RepairReport {
  /** What was found damaged; empty where every byte that is kept is as it was written. */
  found: string[];
  /** What was saved; null where there was nothing to repair. */
  salvage: SalvageReport | null;
}

/**
 * Verifies everything in a lab's database, and where something is damaged saves the rest into a new one;
 * the damaged one is kept. Nobody may have the lab open meanwhile.
 * @throws LabError `labInUse`, `labDamaged` where nothing can be read, `diskFull`, ….
 */
export function repairLab(labDirectory: string, options: { verifyOnly?: boolean } = {}): RepairReport {
  const lock = acquireLabLock(labDirectory, 'cli');
  try {
    return repairDatabase(labDirectory, options);
  } finally {
    lock.release();
  }
}

/** As `repairLab`, for who owns the lab and has no connection open. */
export function repairDatabase(labDirectory: string, { verifyOnly = false } = {}): RepairReport {
  const file = databasePath(labDirectory);
  try {
    finishReplacement(file);
    const found = findDamage(labDirectory, file);
    return { found, salvage: found.length === 0 || verifyOnly ? null : salvageDatabase(file) };
  } catch (error) {
    throw toStoreError(error, file);
  }
}

function findDamage(labDirectory: string, file: string): string[] {
  try {
    const notices: LabErrorData[] = [];
    const store = openStore(labDirectory, { onNotice: (notice) => notices.push(notice) });
    try {
      const damaged = notices.filter(({ code }) => code === 'labDamaged').map(({ message }) => message);
      return [...damaged, ...findDamagedPoints(store), ...findDamagedPages(file)];
    } finally {
      store.close();
    }
  } catch (error) {
    const expected = toStoreError(error, file) as LabErrorData;
    if (expected.code !== 'labDamaged') throw error;
    return [expected.message];
  }
}

function findDamagedPoints({ runs, metrics }: Store): string[] {
  const found: string[] = [];
  for (const { id } of runs.list()) {
    for (const { series } of metrics.list(id)) {
      const { missing } = metrics.readReadable(id, series);
      for (const { firstStep, lastStep } of missing) {
        found.push(`The points of series ${series} of run ${id} at steps ${firstStep} to ${lastStep} are damaged.`);
      }
    }
  }
  return found;
}

/** Also indexes are compared with their tables here, which takes longer than at an opening. */
function findDamagedPages(file: string): string[] {
  const database = new Database(file, { readonly: true });
  try {
    const rows = database.pragma('integrity_check(20)') as { integrity_check: string }[];
    return rows.map(({ integrity_check }) => integrity_check).filter((text) => text !== 'ok');
  } finally {
    database.close();
  }
}
