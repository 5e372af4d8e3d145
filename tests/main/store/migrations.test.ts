import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { createMetricStore } from '#main/store/metricStore.ts';
import { migrations, type Migration } from '#main/store/migrations/index.ts';
import { backupPath, checkMigrationOrder, migrateDatabase, readVersion } from '#main/store/migrate.ts';
import { checksumOfRow } from '#main/store/rowChecksum.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

const newest = migrations.at(-1)?.version ?? 0;

function upTo(version: number): Migration[] {
  return migrations.filter((migration) => migration.version <= version);
}

function databaseOfVersion(version: number, file = ':memory:'): Database.Database {
  const database = new Database(file);
  migrateDatabase(database, { migrations: upTo(version) });
  return database;
}

/** All rows of all tables. */
function contents(database: Database.Database): Record<string, unknown[]> {
  const names = database
    .prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
    .pluck()
    .all();
  return Object.fromEntries(names.map((name) => [name, database.prepare(`SELECT * FROM ${name}`).all()]));
}

const experiment = {
  experimentKey: 1,
  id: 'e1',
  name: 'One',
  document: '{}',
  documentHash: 'hash',
  createdAt: '2026-01-01T00:00:00.000Z',
  archivedAt: null,
};
const run = {
  runKey: 1,
  id: 'r1',
  experimentId: 'e1',
  ordinal: 0,
  label: 'batchNorm',
  document: '{}',
  documentHash: 'hash',
  state: 'done',
  error: null,
  progress: '{"step":1}',
  summary: null,
  environment: null,
  resumeCount: 2,
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: null,
  finishedAt: null,
};
const checkpoint = { runId: 'r1', step: 5, file: '/lab/5', bytes: 7, createdAt: '2026-01-01T00:00:00.000Z' };
const log = { logKey: 1, runId: 'r1', at: '2026-01-01T00:00:00.000Z', level: 'info', text: 'text' };

function insert(database: Database.Database, table: string, row: Record<string, unknown>): void {
  const names = Object.keys(row);
  database
    .prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((name) => `@${name}`).join(', ')})`)
    .run(row);
}

function insertExample(database: Database.Database): void {
  insert(database, 'experiments', experiment);
  insert(database, 'runs', run);
  insert(database, 'checkpoints', checkpoint);
  insert(database, 'runLog', log);
}

const version10 = { labInfo: [], experiments: [experiment], runs: [run], checkpoints: [checkpoint], runLog: [log] };

it('makes every table strict', () => {
  const database = databaseOfVersion(newest);
  const tables = database.prepare(`SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0`);
  expect(tables.pluck().all()).toEqual(['sqlite_schema']);
});

it('to 10: experiments, runs, checkpoints, log', () => {
  const database = databaseOfVersion(10);
  insertExample(database);
  expect(contents(database)).toEqual(version10);
  expect(readVersion(database)).toBe(10);
});

it('10 to 20: metrics, and a revision of them in each run', () => {
  const database = databaseOfVersion(10);
  insertExample(database);
  migrateDatabase(database, { migrations: upTo(20) });
  expect(contents(database)).toEqual({
    ...version10,
    runs: [{ ...run, metricsRevision: 0 }],
    metricSeries: [],
    metricChunks: [],
  });
  expect(readVersion(database)).toBe(20);
});

it('20 to 30: the memory of the interface', () => {
  const database = databaseOfVersion(20);
  insertExample(database);
  const before = contents(database);
  migrateDatabase(database, { migrations: upTo(30) });
  expect(contents(database)).toEqual({ ...before, memory: [] });
  expect(readVersion(database)).toBe(30);
});

it('refuses a list that is out of order', () => {
  expect(() => checkMigrationOrder(migrations)).not.toThrow();
  const migrate = (): void => undefined;
  for (const versions of [[10, 10], [20, 10], [10, 15], [0]]) {
    expect(() => checkMigrationOrder(versions.map((version) => ({ version, migrate })))).toThrow('versions ascend');
  }
});

it('30 to 40: a checksum in every row, of chunks also whose they are; damage stays damage', () => {
  const database = databaseOfVersion(30);
  insertExample(database);
  insert(database, 'memory', { key: 'draft', value: '1' });
  const series = { seriesKey: 3, runId: 'r1', name: 'train/loss', pointCount: 1025, firstStep: 1, lastStep: 1025 };
  insert(database, 'metricSeries', { ...series, lastValue: 0.5 });
  // Two chunks of points, as version 30 wrote them; the second was damaged since.
  const chunk = (ordinal: number, count: number, firstStep: number): Record<string, unknown> => {
    const numbers = Float64Array.of(1, firstStep, 1, ...Array.from({ length: count }, () => 0.5));
    const payload = Buffer.from(numbers.buffer);
    const lastStep = firstStep + count - 1;
    const checksum = crc32(payload, crc32(`0 ${ordinal} ${count} ${firstStep} ${lastStep}`));
    return { seriesKey: 3, level: 0, ordinal, entryCount: count, firstStep, lastStep, payload, checksum };
  };
  insert(database, 'metricChunks', chunk(0, 1024, 1));
  insert(database, 'metricChunks', { ...chunk(1, 1, 1025), lastStep: 1026 });
  const before = contents(database);
  migrateDatabase(database, { migrations: upTo(40) });
  const after = contents(database);
  // Python: zlib.crc32(b'"bytes":7,"createdAt":"2026-01-01T00:00:00.000Z","file":"/lab/5","runId":"r1","step":5')
  expect(after['checkpoints']).toEqual([{ ...checkpoint, checksum: 3410144121 }]);
  const sealed = (table: string, added: object = {}): unknown[] =>
    (before[table] ?? []).map((row) => {
      const whole = { ...(row as object), ...added };
      return { ...whole, checksum: checksumOfRow(whole) };
    });
  expect(after).toEqual({
    ...before,
    checkpoints: sealed('checkpoints'),
    experiments: sealed('experiments', { runCount: 1 }),
    runs: sealed('runs', { seriesCount: 1 }),
    runLog: sealed('runLog'),
    memory: sealed('memory'),
    metricSeries: sealed('metricSeries'),
    metricChunks: [expect.objectContaining({ ordinal: 0 }), before['metricChunks']?.[1]],
    labInfo: [
      { key: 'experimentCount', value: '1' },
      { key: 'layoutVersion', value: '40' },
    ].map((row) => ({ ...row, checksum: checksumOfRow(row) })),
  });
  expect(createMetricStore(database).readReadable('r1', 'train/loss')).toEqual({
    steps: Float64Array.from({ length: 1024 }, (_, index) => index + 1),
    values: new Float64Array(1024).fill(0.5),
    missing: [{ firstStep: 1025, lastStep: 1025, pointCount: 1 }],
  });
});

it('40 to 50: priority and position in the queue, which change no checksum', () => {
  const database = databaseOfVersion(40);
  insertExample(database);
  const before = contents(database);
  const checksum = checksumOfRow(before['runs']?.[0] as object);
  migrateDatabase(database, { migrations: upTo(50) });
  const [row] = contents(database)['runs'] ?? [];
  expect(row).toEqual({ ...(before['runs']?.[0] as object), queuePriority: null, queuePosition: null });
  expect(checksumOfRow(row as object)).toBe(checksum);
});

const broken: Migration[] = [
  {
    version: 1040,
    migrate: (database) => {
      database.exec('ALTER TABLE runs ADD COLUMN half INTEGER; DELETE FROM runs');
    },
  },
  {
    version: 1050,
    migrate: () => {
      throw new Error('a mistake in 50');
    },
  },
];

it('leaves the old database as it was where one migration of several fails, with a copy beside it', () => {
  const file = join(temporaryDirectory(), 'lab.sqlite');
  const database = databaseOfVersion(newest, file);
  database.pragma('foreign_keys = ON');
  insertExample(database);
  const before = contents(database);
  const bytes = readFileSync(file);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    expect(() => migrateDatabase(database, { migrations: [...migrations, ...broken] })).toThrow('a mistake in 50');
    expect(contents(database)).toEqual(before);
    expect(readVersion(database)).toBe(newest);
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1);
  }
  expect(readFileSync(file).equals(bytes)).toBe(true);
  const copy = new Database(backupPath(file, 1050));
  expect(contents(copy)).toEqual(before);
  expect(readVersion(copy)).toBe(newest);
  copy.close();
  database.close();
  expect(readdirSync(join(file, '..')).sort()).toEqual(['lab.sqlite', 'lab.sqlite.before-1050.backup']);
});

it('keeps the copies of the last two updates, and nothing but copies goes', () => {
  const file = join(temporaryDirectory(), 'lab.sqlite');
  const database = databaseOfVersion(newest, file);
  const harmless = [1040, 1050, 1060].map((version): Migration => ({ version, migrate: () => undefined }));
  writeFileSync(`${file}.before-my-paper.backup`, 'mine');
  for (const count of [1, 2, 3])
    migrateDatabase(database, { migrations: [...migrations, ...harmless.slice(0, count)] });
  database.close();
  expect(readdirSync(join(file, '..')).sort()).toEqual([
    'lab.sqlite',
    'lab.sqlite.before-1050.backup',
    'lab.sqlite.before-1060.backup',
    'lab.sqlite.before-my-paper.backup',
  ]);
});

it('refuses a migration that leaves rows which refer to nothing', () => {
  const database = databaseOfVersion(newest);
  insertExample(database);
  const before = contents(database);
  const careless: Migration = { version: 1040, migrate: (target) => void target.exec('DELETE FROM experiments') };
  expect(() => migrateDatabase(database, { migrations: [...migrations, careless] })).toThrow('refer to nothing');
  expect(contents(database)).toEqual(before);
});

it('copies no database that is new, or up to date', () => {
  const file = join(temporaryDirectory(), 'lab.sqlite');
  const database = databaseOfVersion(newest, file);
  migrateDatabase(database);
  database.close();
  expect(existsSync(backupPath(file, 30))).toBe(false);
});
