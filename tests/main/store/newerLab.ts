import Database from 'better-sqlite3';
import { sealRow } from '#main/store/rowChecksum.ts';
import type { RunRow } from '#main/store/runRows.ts';
import { encodeDocument } from '#main/store/storedJson.ts';
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

/** Gives the last run a method, an architecture and a field that only a newer program knows. */
export function trainWithFutureMethod(database: Database.Database): void {
  addToLayout(database);
  const run = database.prepare<[], RunRow>('SELECT * FROM runs ORDER BY id DESC LIMIT 1').get();
  if (run === undefined) throw new Error('There is no run.');
  const { runKey: _key, ...row } = run as RunRow & { runKey: number };
  const document = JSON.parse(row.document) as Record<string, unknown>;
  const future = {
    ...document,
    method: { id: 'futureNorm', strength: 3 },
    architecture: { id: 'futureNet', depth: 7 },
    future: { unheardOf: true },
  };
  const sealed = sealRow({ ...row, ...encodeDocument(future), label: 'method=futureNorm' });
  database
    .prepare(
      'UPDATE runs SET document = @document, documentHash = @documentHash, label = @label, checksum = @checksum WHERE id = @id',
    )
    .run(sealed);
}

/** Makes a lab, which nobody has open, one of a newer program: version 9.9.0. */
export function updateLab(directory: string, migrate: (database: Database.Database) => void = addToLayout): void {
  const version = (migrations.at(-1)?.version ?? 0) + 10;
  const database = new Database(databasePath(directory));
  migrateDatabase(database, { appVersion: '9.9.0', migrations: [...migrations, { version, migrate }] });
  database.close();
}
