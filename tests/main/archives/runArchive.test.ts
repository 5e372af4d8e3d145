import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, expect, it } from 'vitest';
import { exportRunArchive, importRunArchive } from '#main/archives/runArchive.ts';
import { checkpointDirectory } from '#main/runs/checkpointFiles.ts';
import { weightsFile } from '#main/runs/weightsFiles.ts';
import { databasePath, openStore } from '#main/store/openStore.ts';
import type { Store } from '#main/store/store.ts';
import { runHere } from '../cli/commandLine.ts';
import { createExample, points } from '../store/examples.ts';
import { temporaryDirectory } from '../store/temporaryDirectory.ts';

interface Lab {
  directory: string;
  store: Store;
}

const openLabs: Store[] = [];
afterEach(() => {
  for (const store of openLabs.splice(0)) store.close();
});

function openEmpty(): Lab {
  const directory = temporaryDirectory();
  const store = openStore(directory);
  openLabs.push(store);
  return { directory, store };
}

/** A lab whose experiment has a run that is done and one that trains. */
async function makeLab(): Promise<Lab & { ids: [string, string]; experimentId: string; archive: string }> {
  const lab = openEmpty();
  const { directory, store } = lab;
  createExample(store.experiments);
  const experimentId = createExample(store.experiments);
  const [done = '', training = ''] = store.runs.list({ experimentId }).map(({ id }) => id);
  for (const id of [done, training]) {
    store.runs.transition(id, 'preparing', { startedAt: '2026-01-01T00:00:00.000Z' });
    store.runs.transition(id, 'running');
    store.metrics.append(id, { 'train/loss': points(1, 3000), 'validation/loss': points(100, 3000, 100) });
    store.metrics.flush();
    store.runs.addLog(id, { at: '2026-01-01T00:00:00.000Z', level: 'info', text: `Begun ${id}.` });
    const file = join(checkpointDirectory(directory, id), 'step-3000.safetensors');
    await mkdir(checkpointDirectory(directory, id), { recursive: true });
    await writeFile(file, `weights of ${id}`);
    store.runs.addCheckpoint({ runId: id, step: 3000, file, bytes: 11 + id.length });
  }
  store.runs.transition(done, 'done', { finishedAt: '2026-01-01T01:00:00.000Z' });
  return { ...lab, ids: [done, training], experimentId, archive: join(temporaryDirectory(), 'runs.tar') };
}

it('brings runs to another lab with all they have, grouped as they were, while the lab is in use', async () => {
  const from = await makeLab();
  const [done, training] = from.ids;
  await exportRunArchive(from.directory, from.ids, from.archive);
  const to = openEmpty();
  createExample(to.store.experiments);
  expect(await importRunArchive(to.store, to.directory, from.archive)).toEqual(
    from.ids.map((id) => ({ from: id, id, outcome: 'added' })),
  );
  expect(to.store.damaged()).toEqual([]);
  expect(to.store.experiments.get(from.experimentId)).toEqual(from.store.experiments.get(from.experimentId));
  expect(to.store.runs.list({ experimentId: from.experimentId }).map(({ id }) => id)).toEqual(from.ids);
  expect(to.store.runs.get(done)).toEqual(from.store.runs.get(done));
  expect(to.store.runs.get(training)).toEqual({
    ...from.store.runs.get(training),
    state: 'lost',
    error: expect.objectContaining({ code: 'trainerLost' }) as unknown,
  });
  for (const id of from.ids) {
    for (const name of ['train/loss', 'validation/loss']) {
      expect(to.store.metrics.read(id, name)).toEqual(from.store.metrics.read(id, name));
      expect(to.store.metrics.readBuckets(id, name, 20)).toEqual(from.store.metrics.readBuckets(id, name, 20));
    }
    expect(to.store.runs.listLog(id)).toEqual(from.store.runs.listLog(id));
    const file = join(checkpointDirectory(to.directory, id), 'step-3000.safetensors');
    expect(await readFile(file, 'utf8')).toBe(`weights of ${id}`);
  }
  // The source is as it was.
  expect(from.store.runs.get(training)?.state).toBe('running');
});

it('knows runs that are here already, and gives a new id to one whose id is another’s', async () => {
  const from = await makeLab();
  const [done, training] = from.ids;
  await exportRunArchive(from.directory, [done], from.archive);
  const to = openEmpty();
  await importRunArchive(to.store, to.directory, from.archive);
  // One more run of the same experiment joins it; the one that is there is not doubled.
  await rm(from.archive);
  await exportRunArchive(from.directory, from.ids, from.archive);
  expect(await importRunArchive(to.store, to.directory, from.archive)).toEqual([
    { from: done, id: done, outcome: 'there' },
    { from: training, id: training, outcome: 'added' },
  ]);
  expect(to.store.experiments.list()).toHaveLength(1);
  expect(to.store.runs.list()).toHaveLength(2);

  const run = to.store.runs.get(done);
  if (!run) throw new Error('It was imported.');
  to.store.runs.update(done, { document: { ...run.document, seed: 77 } });
  const [imported] = await importRunArchive(to.store, to.directory, from.archive);
  expect(imported).toMatchObject({ from: done, outcome: 'addedUnderNewId' });
  const id = imported?.id ?? '';
  expect(id).not.toBe(done);
  expect(to.store.runs.get(id)).toMatchObject({ document: { seed: 1 }, ordinal: 2, experimentId: from.experimentId });
  expect(to.store.metrics.read(id, 'train/loss')).toEqual(points(1, 3000));
  expect(existsSync(join(checkpointDirectory(to.directory, id), 'step-3000.safetensors'))).toBe(true);
  expect(to.store.damaged()).toEqual([]);
});

it('never replaces a file, nor one that came meanwhile', async () => {
  const from = await makeLab();
  await writeFile(from.archive, 'a thesis');
  const refused = { code: 'invalidArgument', message: expect.stringContaining('There is already a file') as string };
  await expect(exportRunArchive(from.directory, from.ids, from.archive)).rejects.toMatchObject(refused);
  await rm(from.archive);
  let seen = false;
  const late = exportRunArchive(from.directory, from.ids, from.archive, {
    onBytes() {
      if (!seen) writeFileSync(from.archive, 'a thesis');
      seen = true;
    },
  });
  await expect(late).rejects.toMatchObject(refused);
  expect(await readFile(from.archive, 'utf8')).toBe('a thesis');
  expect(await readdir(dirname(from.archive))).toEqual(['runs.tar']);
});

it('adds nothing where anything goes wrong', async () => {
  const from = await makeLab();
  await exportRunArchive(from.directory, from.ids, from.archive);
  const whole = await readFile(from.archive);
  const to = openEmpty();
  const broken = join(temporaryDirectory(), 'broken.tar');
  for (const bytes of [
    whole.subarray(0, whole.length / 2),
    Buffer.from(whole).fill(1, 3000, 3001),
    Buffer.from('text'),
  ]) {
    await writeFile(broken, bytes);
    await expect(importRunArchive(to.store, to.directory, broken)).rejects.toMatchObject({ code: 'invalidArchive' });
  }
  // The second run's files cannot be put in place: those of the first go too.
  await mkdir(join(to.directory, 'runs'));
  const [first, second] = from.ids;
  const failing: Store = {
    ...to.store,
    importRuns: (directory, place) =>
      to.store.importRuns(directory, (runs) => {
        place(runs.slice(0, 1));
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      }),
  };
  await expect(importRunArchive(failing, to.directory, from.archive)).rejects.toMatchObject({ code: 'diskFull' });
  expect(to.store.runs.list()).toEqual([]);
  expect(to.store.experiments.list()).toEqual([]);
  expect(await readdir(join(to.directory, 'runs'))).toEqual([]);
  expect((await readdir(to.directory)).filter((name) => name.startsWith('.normlab'))).toEqual([]);
  expect([first, second].map((id) => to.store.runs.get(id))).toEqual([null, null]);
});

it('keeps a damaged chunk a named hole, and refuses damaged records', async () => {
  const from = await makeLab();
  const [done] = from.ids;
  const database = new Database(databasePath(from.directory));
  database
    .prepare(
      `UPDATE metricChunks SET checksum = checksum + 1 WHERE level = 0 AND ordinal = 1
       AND seriesKey = (SELECT seriesKey FROM metricSeries WHERE runId = ? AND name = 'train/loss')`,
    )
    .run(done);
  await exportRunArchive(from.directory, [done], from.archive);
  const to = openEmpty();
  await importRunArchive(to.store, to.directory, from.archive);
  expect(to.store.metrics.readReadable(done, 'train/loss').missing).toEqual([
    { firstStep: 1025, lastStep: 2048, pointCount: 1024 },
  ]);
  database.prepare(`UPDATE runs SET label = 'other' WHERE id = ?`).run(done);
  database.close();
  await expect(exportRunArchive(from.directory, [done], `${from.archive}-2`)).rejects.toMatchObject({
    code: 'labDamaged',
  });
});

it('takes along the weights that runs begin with, by what their bytes are', async () => {
  const from = await makeLab();
  const [done] = from.ids;
  const run = from.store.runs.get(done);
  if (!run) throw new Error('It was made.');
  const sha256 = createHash('sha256').update('weights').digest('hex');
  const initialWeights = { ...run.document.initialWeights, file: '/elsewhere/weights.safetensors', sha256 };
  from.store.runs.update(done, { document: { ...run.document, initialWeights } });
  await mkdir(join(from.directory, 'weights'));
  await writeFile(weightsFile(from.directory, sha256), 'weights');
  await exportRunArchive(from.directory, [done], from.archive);
  const to = openEmpty();
  await importRunArchive(to.store, to.directory, from.archive);
  expect(await readFile(weightsFile(to.directory, sha256), 'utf8')).toBe('weights');
  // What is not what its name says is left in the archive.
  await writeFile(weightsFile(from.directory, sha256), 'others');
  await rm(from.archive);
  await exportRunArchive(from.directory, [done], from.archive);
  const other = openEmpty();
  await importRunArchive(other.store, other.directory, from.archive);
  expect(existsSync(join(other.directory, 'weights'))).toBe(false);
});

it('is a command on both sides, and says which data set is missing', async () => {
  const from = await makeLab();
  from.store.close();
  const exported = await runHere([
    'runs',
    'export',
    from.experimentId,
    '--archive',
    from.archive,
    '--lab',
    from.directory,
  ]);
  expect(exported).toMatchObject({ status: 0, stdout: expect.stringContaining('2 runs') as string });
  const to = temporaryDirectory();
  const imported = await runHere(['runs', 'import', from.archive, '--lab', to]);
  expect(imported).toMatchObject({ status: 0, stdout: 'Added 2 runs.\n' });
  expect(imported.stderr).toContain('The data set “example” is not in this lab');
  const again = await runHere(['runs', 'import', from.archive, '--lab', to]);
  expect(again).toMatchObject({ status: 0, stdout: 'Added 0 runs; 2 were here already.\n' });
  expect(await runHere(['runs', 'import', join(to, 'absent.tar'), '--lab', to])).toMatchObject({ status: 1 });
});
