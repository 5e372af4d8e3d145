import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { copyDatabaseFile } from '#main/store/copyDatabase.ts';
import { databasePath, openLab, openStore, type OpenLab, type OpenStoreOptions } from '#main/store/openStore.ts';
import { createExample, points } from './examples.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

/** A lab whose database has several thousand pages: more than are copied in one go. */
function openLargeLab(options: OpenStoreOptions = {}): {
  opened: OpenLab;
  runId: string;
  addSeries: (name: string) => void;
} {
  const opened = openLab(temporaryDirectory(), 'cli', options);
  const { store } = opened;
  createExample(store.experiments);
  const runId = store.runs.list()[0]?.id ?? '';
  const addSeries = (name: string): void => {
    store.metrics.append(runId, { [name]: points(1, 60_000) });
    store.metrics.flush();
  };
  for (const name of ['a', 'b', 'c', 'd']) addSeries(name);
  return { opened, runId, addSeries };
}

function seriesIn(file: string, runId: string): string[] {
  const database = new Database(file, { readonly: true });
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
  database.close();
  const store = openStore(join(file, '..'), { readOnly: true });
  const names = store.metrics.list(runId).map(({ series }) => series);
  for (const name of names) expect(store.metrics.read(runId, name)).toEqual(points(1, 60_000));
  store.close();
  return names;
}

it('copies the database of a lab that is in use, as it was when the copy began', async () => {
  const { opened, runId, addSeries } = openLargeLab();
  const file = databasePath(temporaryDirectory());
  const turns: number[] = [];
  await opened.store.copyTo(file, {
    onProgress(done, total) {
      if (turns.length === 0) addSeries('meanwhile');
      turns.push(done / total);
    },
  });
  expect(turns.length).toBeGreaterThan(3);
  expect(turns).toEqual(turns.toSorted((left, right) => left - right));
  opened.close();
  expect(seriesIn(file, runId)).toEqual(['a', 'b', 'c', 'd']);
});

it('copies one that nobody else may read in pieces, with what its owner writes meanwhile', async () => {
  const { opened, runId, addSeries } = openLargeLab({ networkFileSystem: () => 'nfs' });
  const file = databasePath(temporaryDirectory());
  let turns = 0;
  await opened.store.copyTo(file, {
    onProgress() {
      turns += 1;
      if (turns === 2) addSeries('meanwhile');
    },
  });
  expect(turns).toBeGreaterThan(3);
  opened.close();
  expect(seriesIn(file, runId)).toEqual(['a', 'b', 'c', 'd', 'meanwhile']);
});

it('copies the database of another owner as it was when the copy began', async () => {
  const { opened, runId, addSeries } = openLargeLab();
  const file = databasePath(temporaryDirectory());
  let turns = 0;
  await copyDatabaseFile(databasePath(opened.directory), file, {
    onProgress() {
      turns += 1;
      if (turns === 2) addSeries('meanwhile');
    },
  });
  expect(turns).toBeGreaterThan(3);
  opened.close();
  expect(seriesIn(file, runId)).toEqual(['a', 'b', 'c', 'd']);
});

it('ends where it is told to, and the database stays in use', async () => {
  const { opened, addSeries } = openLargeLab();
  const abort = new AbortController();
  let turns = 0;
  const copying = opened.store.copyTo(databasePath(temporaryDirectory()), {
    signal: abort.signal,
    onProgress() {
      turns += 1;
      if (turns === 2) abort.abort();
    },
  });
  await expect(copying).rejects.toMatchObject({ name: 'AbortError' });
  expect(turns).toBe(2);
  // The file is whose it was.
  addSeries('afterwards');
  opened.close();
});
