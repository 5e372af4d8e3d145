import type { Database } from 'better-sqlite3';

/** Small JSON values that the interface keeps. */
export function migrateToVersion30(database: Database): void {
  database.exec(`
    CREATE TABLE memory (
      key TEXT PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT;
  `);
}
