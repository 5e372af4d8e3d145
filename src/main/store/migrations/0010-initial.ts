import type { Database } from 'better-sqlite3';

/** Experiments, their runs, checkpoints and log. Times are ISO 8601 in UTC; documents are canonical JSON. */
export function migrateToVersion10(database: Database): void {
  database.exec(`
    CREATE TABLE labInfo (
      key TEXT PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT;

    CREATE TABLE experiments (
      experimentKey INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      document TEXT NOT NULL,
      documentHash TEXT NOT NULL,
      createdAt TEXT NOT NULL,
      archivedAt TEXT
    ) STRICT;

    CREATE TABLE runs (
      runKey INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      experimentId TEXT NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
      ordinal INTEGER NOT NULL,
      label TEXT NOT NULL,
      document TEXT NOT NULL,
      documentHash TEXT NOT NULL,
      state TEXT NOT NULL,
      error TEXT,
      progress TEXT,
      summary TEXT,
      environment TEXT,
      resumeCount INTEGER NOT NULL DEFAULT 0,
      createdAt TEXT NOT NULL,
      startedAt TEXT,
      finishedAt TEXT,
      UNIQUE (experimentId, ordinal)
    ) STRICT;

    CREATE INDEX runsByState ON runs (state);

    CREATE TABLE checkpoints (
      runId TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      step INTEGER NOT NULL,
      file TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      createdAt TEXT NOT NULL,
      PRIMARY KEY (runId, file)
    ) STRICT;

    CREATE TABLE runLog (
      logKey INTEGER PRIMARY KEY,
      runId TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      at TEXT NOT NULL,
      level TEXT NOT NULL,
      text TEXT NOT NULL
    ) STRICT;

    CREATE INDEX runLogByRun ON runLog (runId, logKey);
  `);
}
