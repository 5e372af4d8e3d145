import type { Database } from 'better-sqlite3';

/**
 * The queue's order: priority (NULL is normal) and position among waiting runs of one priority (NULL
 * is behind those that have one, in order of creation). Both are NULL in older rows: their checksums hold.
 */
export function migrateToVersion50(database: Database): void {
  database.exec(`
    ALTER TABLE runs ADD COLUMN queuePriority TEXT;
    ALTER TABLE runs ADD COLUMN queuePosition INTEGER;
  `);
}
