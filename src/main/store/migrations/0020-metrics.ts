import type { Database } from 'better-sqlite3';

/**
 * Metrics: one row a series, its points in chunks, and buckets of 8, 64, 512, … points in chunks of
 * their own (`metricChunk.ts`). `metricsRevision` counts how often points of a run were discarded.
 */
export function migrateToVersion20(database: Database): void {
  database.exec(`
    ALTER TABLE runs ADD COLUMN metricsRevision INTEGER NOT NULL DEFAULT 0;

    CREATE TABLE metricSeries (
      seriesKey INTEGER PRIMARY KEY,
      runId TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      pointCount INTEGER NOT NULL,
      firstStep INTEGER NOT NULL,
      lastStep INTEGER NOT NULL,
      -- NULL stands for NaN, which SQLite cannot store.
      lastValue REAL,
      UNIQUE (runId, name)
    ) STRICT;

    CREATE TABLE metricChunks (
      seriesKey INTEGER NOT NULL REFERENCES metricSeries(seriesKey) ON DELETE CASCADE,
      -- 0 for points, k for buckets of 8 to the power of k points.
      level INTEGER NOT NULL,
      ordinal INTEGER NOT NULL,
      entryCount INTEGER NOT NULL,
      firstStep INTEGER NOT NULL,
      lastStep INTEGER NOT NULL,
      payload BLOB NOT NULL,
      checksum INTEGER NOT NULL,
      PRIMARY KEY (seriesKey, level, ordinal)
    ) STRICT;
  `);
}
