import Database from 'better-sqlite3';
import { migrateDatabase } from '#main/store/migrate.ts';
import { migrations } from '#main/store/migrations/index.ts';
import { databasePath } from '#main/store/openStore.ts';

/** What a newer program may add; nothing that is there is taken away. */
export function addToLayout(database: Database.Database): void {
  database.exec(`
    CREATE TABLE future (id TEXT PRIMARY KEY) STRICT;
    ALTER TABLE runs ADD COLUMN future TEXT;
    ALTER TABLE metricChunks ADD COLUMN future TEXT;
    CREATE TRIGGER guard BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'no'); END;
  `);
}

/** Makes a lab, which nobody has open, one of a newer program: version 9.9.0. */
export function updateLab(directory: string, migrate: (database: Database.Database) => void = addToLayout): void {
  const version = (migrations.at(-1)?.version ?? 0) + 10;
  const database = new Database(databasePath(directory));
  migrateDatabase(database, { appVersion: '9.9.0', migrations: [...migrations, { version, migrate }] });
  database.close();
}
