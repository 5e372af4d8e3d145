import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { migrations, type Migration } from '#main/store/migrations/index.ts';
import { backupPath, checkMigrationOrder, migrateDatabase, readVersion } from '#main/store/migrate.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

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
  const database = databaseOfVersion(30);
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

const broken: Migration[] = [
  {
    version: 40,
    migrate: (database) => {
      database.exec('ALTER TABLE runs ADD COLUMN half INTEGER; DELETE FROM runs');
    },
  },
  {
    version: 50,
    migrate: () => {
      throw new Error('a mistake in 50');
    },
  },
];

it('leaves the old database as it was where one migration of several fails, with a copy beside it', () => {
  const file = join(temporaryDirectory(), 'lab.sqlite');
  const database = databaseOfVersion(30, file);
  database.pragma('foreign_keys = ON');
  insertExample(database);
  const before = contents(database);
  const bytes = readFileSync(file);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    expect(() => migrateDatabase(database, { migrations: [...migrations, ...broken] })).toThrow('a mistake in 50');
    expect(contents(database)).toEqual(before);
    expect(readVersion(database)).toBe(30);
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1);
  }
  expect(readFileSync(file).equals(bytes)).toBe(true);
  const copy = new Database(backupPath(file, 50));
  expect(contents(copy)).toEqual(before);
  expect(readVersion(copy)).toBe(30);
  copy.close();
  database.close();
  expect(readdirSync(join(file, '..')).sort()).toEqual(['lab.sqlite', 'lab.sqlite.before-50.backup']);
});

it('refuses a migration that leaves rows which refer to nothing', () => {
  const database = databaseOfVersion(30);
  insertExample(database);
  const before = contents(database);
  const careless: Migration = { version: 40, migrate: (target) => void target.exec('DELETE FROM experiments') };
  expect(() => migrateDatabase(database, { migrations: [...migrations, careless] })).toThrow('refer to nothing');
  expect(contents(database)).toEqual(before);
});

it('copies no database that is new, or up to date', () => {
  const file = join(temporaryDirectory(), 'lab.sqlite');
  const database = databaseOfVersion(30, file);
  migrateDatabase(database);
  database.close();
  expect(existsSync(backupPath(file, 30))).toBe(false);
});
