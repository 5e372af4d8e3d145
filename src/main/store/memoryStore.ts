import type { Database } from 'better-sqlite3';
import type { MemoryStore } from './store.ts';

export function createMemoryStore(database: Database): MemoryStore {
  const find = database.prepare<[string], string>('SELECT value FROM memory WHERE key = ?').pluck();
  const put = database.prepare<[string, string]>('INSERT OR REPLACE INTO memory (key, value) VALUES (?, ?)');
  const remove = database.prepare<[string]>('DELETE FROM memory WHERE key = ?');
  return {
    get(key) {
      const text = find.get(key);
      return text === undefined ? null : (JSON.parse(text) as unknown);
    },
    set(key, value) {
      if (value === null || value === undefined) remove.run(key);
      else put.run(key, JSON.stringify(value));
    },
  };
}
