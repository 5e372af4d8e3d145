import type { Database } from 'better-sqlite3';
import { isRowIntact, sealRow } from './rowChecksum.ts';

interface LabInfoRow {
  key: string;
  value: string;
  checksum: number;
}

/** Writes a fact about the whole lab. */
export function putLabInfo(database: Database, key: string, value: string): void {
  database
    .prepare<[LabInfoRow]>('INSERT OR REPLACE INTO labInfo (key, value, checksum) VALUES (@key, @value, @checksum)')
    .run(sealRow({ key, value }));
}

/** Null where it is not written down, is damaged, or the database is from before there were checksums. */
export function readLabInfo(database: Database, key: string): string | null {
  const hasChecksums = database
    .prepare(`SELECT 1 FROM pragma_table_info('labInfo') WHERE name = 'checksum'`)
    .pluck()
    .get();
  if (hasChecksums === undefined) return null;
  const row = database.prepare<[string], LabInfoRow>('SELECT * FROM labInfo WHERE key = ?').get(key);
  return row && isRowIntact(row) ? row.value : null;
}
