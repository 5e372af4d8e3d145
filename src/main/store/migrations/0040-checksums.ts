import { crc32 } from 'node:zlib';
import type { Database } from 'better-sqlite3';

/**
 * A checksum in every row, and in each row the number of rows that belong to it, so that one which is
 * changed or absent is noticed: series of a run, runs of an experiment, experiments of the lab. The
 * checksum of a chunk now covers whose it is. What was damaged before stays so.
 */
export function migrateToVersion40(database: Database): void {
  database.exec(`
    ALTER TABLE runs ADD COLUMN seriesCount INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE experiments ADD COLUMN runCount INTEGER NOT NULL DEFAULT 0;
    UPDATE runs SET seriesCount = (SELECT count(*) FROM metricSeries WHERE runId = runs.id);
    UPDATE experiments SET runCount = (SELECT count(*) FROM runs WHERE experimentId = experiments.id);
    INSERT OR REPLACE INTO labInfo (key, value) SELECT 'experimentCount', count(*) FROM experiments;
  `);
  const tables = ['labInfo', 'experiments', 'runs', 'checkpoints', 'runLog', 'metricSeries', 'memory'];
  for (const table of tables) {
    database.exec(`ALTER TABLE ${table} ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0`);
    const setChecksum = database.prepare(`UPDATE ${table} SET checksum = ? WHERE rowid = ?`);
    const keys = database.prepare<[], number>(`SELECT rowid FROM ${table}`).pluck().all();
    const find = database.prepare<[number], Record<string, unknown>>(`SELECT * FROM ${table} WHERE rowid = ?`);
    for (const key of keys) setChecksum.run(checksumOfRow(find.get(key) ?? {}), key);
  }
  const series = database
    .prepare<[], { seriesKey: number; runId: string; name: string }>('SELECT seriesKey, runId, name FROM metricSeries')
    .all();
  const listChunks = database.prepare<[number], Chunk>('SELECT rowid AS key, * FROM metricChunks WHERE seriesKey = ?');
  const setChecksum = database.prepare('UPDATE metricChunks SET checksum = ? WHERE rowid = ?');
  for (const { seriesKey, runId, name } of series) {
    for (const chunk of listChunks.all(seriesKey)) {
      const { level, ordinal, entryCount, firstStep, lastStep, payload, checksum, key } = chunk;
      const numbers = `${level} ${ordinal} ${entryCount} ${firstStep} ${lastStep}`;
      if (crc32(payload, crc32(numbers)) !== checksum) continue;
      setChecksum.run(crc32(payload, crc32(`${JSON.stringify([runId, name])} ${numbers}`)), key);
    }
  }
}

interface Chunk {
  key: number;
  level: number;
  ordinal: number;
  entryCount: number;
  firstStep: number;
  lastStep: number;
  payload: Buffer;
  checksum: number;
}

/** As rows are sealed from this version on. */
function checksumOfRow(row: Record<string, unknown>): number {
  return crc32(
    Object.entries(row)
      .filter(([column, value]) => value !== null && !/^(document|checksum)$|[a-z]Key$/.test(column))
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(
        ([column, value]) =>
          `${JSON.stringify(column)}:${typeof value === 'string' ? JSON.stringify(value) : String(value)}`,
      )
      .join(),
  );
}
