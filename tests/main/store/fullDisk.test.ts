import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { backupLab } from '#main/archives/labBackup.ts';
import { exportRunArchive, importRunArchive } from '#main/archives/runArchive.ts';
import { createMetricStore } from '#main/store/metricStore.ts';
import { migrateDatabase, readVersion } from '#main/store/migrate.ts';
import { migrations } from '#main/store/migrations/index.ts';
import { createRunStore } from '#main/store/runStore.ts';
import { openStore } from '#main/store/openStore.ts';
import { toStoreError } from '#main/store/storeErrors.ts';
import { transferRuns } from '#main/store/transferRuns.ts';
import { LabError } from '#shared/errors.ts';
import { mountSmallDisk } from '../../lab/smallDisk.ts';
import { createExample, createStores, labErrorOf, points } from './examples.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

/** Lets a database grow by at most this many pages: SQLite's own full disk. */
function limitGrowth(database: Database.Database, pages: number): void {
  const now = Number(database.pragma('page_count', { simple: true }));
  database.pragma(`max_page_count = ${now + pages}`);
}

function contents(database: Database.Database): unknown {
  const names = database.prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all();
  return names.map((name) => [name, database.prepare(`SELECT * FROM ${name}`).all()]);
}

/**
 * Does something with room for no page more, one, two, …, until it succeeds: each failure must be a full disk
 * after which the database is as it was.
 * @returns how often it failed.
 */
function failAtEveryPage(database: Database.Database, action: () => void): number {
  const before = contents(database);
  for (let pages = 0; pages < 200; pages += 1) {
    limitGrowth(database, pages);
    try {
      action();
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
      return pages;
    } catch (error) {
      expect(toStoreError(error, '/lab')).toMatchObject({ code: 'diskFull' });
      expect(contents(database)).toEqual(before);
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    }
  }
  throw new Error('It never succeeded.');
}

it('leaves the database as it was when the disk fills at any page of a flush, and the points are written later', () => {
  const { database, metrics, first } = createStores();
  metrics.append(first, { 'train/loss': points(1, 1500) });
  metrics.flush();
  metrics.append(first, { 'train/loss': points(1501, 6000), 'validation/loss': points(1, 3000) });
  expect(failAtEveryPage(database, () => metrics.flush())).toBeGreaterThan(10);
  expect(metrics.read(first, 'train/loss')).toEqual(points(1, 6000));
  expect(metrics.read(first, 'validation/loss')).toEqual(points(1, 3000));
});

it('leaves the database as it was when the disk fills at any page of an import of runs', () => {
  const source = createStores();
  source.metrics.append(source.first, { 'train/loss': points(1, 6000) });
  source.metrics.flush();
  const target = new Database(':memory:');
  migrateDatabase(target);
  const copy = (): void => void transferRuns(source.database, target, [source.first, source.second]);
  expect(failAtEveryPage(target, copy)).toBeGreaterThan(10);
  expect(createMetricStore(target).read(source.first, 'train/loss')).toEqual(points(1, 6000));
  expect(createRunStore(target).get(source.second)).toEqual(source.runs.get(source.second));
});

it('leaves the database as it was when the disk fills at any page of a migration', () => {
  const database = new Database(join(temporaryDirectory(), 'lab.sqlite'));
  migrateDatabase(database, { migrations: migrations.filter(({ version }) => version < 40) });
  const oldVersion = readVersion(database);
  const wide: typeof migrations = [
    ...migrations,
    {
      version: 1000,
      migrate: (target) => {
        target.exec('CREATE TABLE wide (text TEXT NOT NULL) STRICT');
        const insert = target.prepare('INSERT INTO wide VALUES (?)');
        for (let row = 0; row < 10; row += 1) insert.run('x'.repeat(4000));
      },
    },
  ];
  const migrate = (): void => migrateDatabase(database, { migrations: wide });
  expect(failAtEveryPage(database, migrate)).toBeGreaterThan(5);
  expect([oldVersion, readVersion(database)]).toEqual([30, 1000]);
  database.close();
});

it('waits for another process that writes, then says who is in the way', () => {
  const directory = temporaryDirectory();
  openStore(directory).close();
  const other = new Database(join(directory, 'lab.sqlite'));
  other.exec('BEGIN IMMEDIATE');
  const error = labErrorOf(() => openStore(directory, { busyTimeoutMs: 30 }));
  expect(error).toMatchObject({
    code: 'labInUse',
    message: expect.stringContaining('Another process is using') as string,
  });
  other.exec('ROLLBACK');
  other.close();
  openStore(directory).close();
});

it('says so, loses nothing and goes on after room is made, on a disk that is really full', async ({ skip }) => {
  const disk = mountSmallDisk(2);
  if (disk === null) return skip('mounting a small disk is not permitted here');
  const directory = join(disk, 'lab');
  const store = openStore(directory);
  createExample(store.experiments);
  const [run] = store.runs.list();
  const id = run?.id ?? '';
  let written = 0;
  let failure: unknown = null;
  // A file beside it fills most of the disk, and can be removed again.
  mkdirSync(join(directory, 'exports'));
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(1024 ** 2));
  while (failure === null) {
    store.metrics.append(id, { 'train/loss': points(written + 1, written + 2000) });
    try {
      store.metrics.flush();
      written += 2000;
    } catch (error) {
      failure = error;
    }
  }
  expect(failure).toBeInstanceOf(LabError);
  expect(failure).toMatchObject({ code: 'diskFull' });
  expect(store.metrics.read(id, 'train/loss')).toEqual(points(1, written));

  // Neither a backup nor an archive leaves a part of itself.
  for (const attempt of [
    () => backupLab(directory, join(disk, 'backup.tar')),
    () => exportRunArchive(directory, [id], join(disk, 'runs.tar')),
  ]) {
    await expect(attempt()).rejects.toMatchObject({ code: 'diskFull' });
    expect(readdirSync(disk).sort()).toEqual(['ballast', 'lab']);
  }
  const archive = join(temporaryDirectory(), 'big.tar');
  const big = temporaryDirectory();
  const bigStore = openStore(big);
  createExample(bigStore.experiments);
  const bigId = bigStore.runs.list()[0]?.id ?? '';
  bigStore.metrics.append(bigId, { 'train/loss': points(1, 200_000) });
  bigStore.close();
  await exportRunArchive(big, [bigId], archive);
  await expect(importRunArchive(store, directory, archive)).rejects.toMatchObject({ code: 'diskFull' });
  expect(store.runs.list()).toHaveLength(2);

  rmSync(ballast);
  store.metrics.flush();
  expect(store.metrics.read(id, 'train/loss')).toEqual(points(1, written + 2000));
  expect(store.damaged()).toEqual([]);
  store.close();
  expect(readFileSync(join(directory, 'lab.sqlite')).length).toBeGreaterThan(0);
});
