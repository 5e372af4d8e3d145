import type { Database } from 'better-sqlite3';
import { putLabInfo, readLabInfo } from './labInfo.ts';
import { isRowIntact, sealRow } from './rowChecksum.ts';

const experimentCountKey = 'experimentCount';

/** How many experiments there should be; null where the note of it is damaged. */
export function readExperimentCount(database: Database): number | null {
  const value = readLabInfo(database, experimentCountKey);
  return value === null ? null : Number(value);
}

/** Writes down how many experiments there are. */
export function putExperimentCount(database: Database, count: number): void {
  putLabInfo(database, experimentCountKey, String(count));
}

/**
 * Keeps count of rows where others tell what should be there: a row that a damaged page lost is noticed
 * by the count. One row more or less is written down, never what is counted anew: that would hide a loss.
 */
export function prepareRowCounts(database: Database) {
  const find = database.prepare<[string], { runCount: number; checksum: number }>(
    'SELECT * FROM experiments WHERE id = ?',
  );
  const update = database.prepare<[number, number, string]>(
    'UPDATE experiments SET runCount = ?, checksum = ? WHERE id = ?',
  );
  return {
    /** After `change` runs more (or, below 0, less) in an experiment. */
    runs(experimentId: string, change: number): void {
      const row = find.get(experimentId);
      if (!row || !isRowIntact(row)) return;
      const { runCount, checksum } = sealRow({ ...row, runCount: row.runCount + change });
      update.run(runCount, checksum, experimentId);
    },
    experiments(change: number): void {
      const count = readExperimentCount(database);
      if (count !== null) putExperimentCount(database, count + change);
    },
  };
}
