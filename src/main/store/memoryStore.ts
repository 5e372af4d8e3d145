import type { Database } from 'better-sqlite3';
import { isRowIntact, sealRow } from './rowChecksum.ts';
import type { MemoryStore } from './store.ts';

interface MemoryRow {
  key: string;
  value: string;
  checksum: number;
}

export function createMemoryStore(database: Database): MemoryStore {
  const find = database.prepare<[string], MemoryRow>('SELECT * FROM memory WHERE key = ?');
  const put = database.prepare<[MemoryRow]>(
    'INSERT OR REPLACE INTO memory (key, value, checksum) VALUES (@key, @value, @checksum)',
  );
  const remove = database.prepare<[string]>('DELETE FROM memory WHERE key = ?');
  return {
    get(key) {
      const row = find.get(key);
      // What is damaged is as if it had never been kept: a draft, or the place of a window.
      return row && isRowIntact(row) ? (JSON.parse(row.value) as unknown) : null;
    },
    set(key, value) {
      if (value === null || value === undefined) remove.run(key);
      else put.run(sealRow({ key, value: JSON.stringify(value) }));
    },
  };
}
