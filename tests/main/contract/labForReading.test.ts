import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { unpackArchiveFile } from '#main/archives/archiveFile.ts';
import type { LabContract } from '#main/contract/labContract.ts';
import { databasePath } from '#main/store/openStore.ts';
import { contract, type MethodName } from '#shared/contract.ts';
import { runHere } from '../cli/commandLine.ts';
import { updateLab } from '../store/newerLab.ts';
import { openTestLab, openUnguardedTestLab, temporaryFolder, tinyExperiment, until } from './testLab.ts';

/** A lab with two runs that trained, closed again. */
async function makeLab(): Promise<{ directory: string; experimentId: string; runIds: string[] }> {
  const directory = await temporaryFolder();
  const { client, lab, close } = await openUnguardedTestLab({ labDirectory: directory });
  const document = { ...tinyExperiment, seeds: [1] };
  const { id, runs } = await client.invoke('experiments.create', { document });
  const runIds = runs.map((run) => run.id);
  await lab.runs.whenEnded(runIds);
  await close();
  return { directory, experimentId: id, runIds };
}

/** Every file of a folder with what is in it. */
async function readFolder(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const sums = files.map(async (file) => [
    file,
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
  ]);
  return Object.fromEntries(await Promise.all(sums)) as Record<string, string>;
}

/** @returns ids of the runs of an archive in the lab that took them in. */
async function importRuns(contract: LabContract, path: string): Promise<string[]> {
  const { client } = contract;
  const { id: jobId } = await client.invoke('runs.import', { path });
  await until(contract, async () => (await client.invoke('jobs.list', {}))[0]?.state !== 'running');
  return (await client.invoke('runs.imported', { jobId })).runs.map(({ id }) => id);
}

it('shows a lab of a newer program without changing a byte of its folder', async () => {
  const { directory, experimentId, runIds } = await makeLab();
  updateLab(directory);
  const before = await readFolder(directory);
  const { client, lab, events, close } = await openUnguardedTestLab({ labDirectory: directory, orForReading: true });

  const { readOnly, notices } = await client.invoke('machine.describe', {});
  expect(readOnly).toMatchObject({
    code: 'labFromNewerVersion',
    message: 'This lab was last used by a newer NormLab (version 9.9.0). It is open for reading.',
  });
  expect(notices).toEqual([]);
  const [experiment] = await client.invoke('experiments.list', {});
  expect(experiment).toMatchObject({ id: experimentId, name: 'Tiny' });
  expect(experiment?.runs.map(({ id, state }) => [id, state])).toEqual(runIds.map((id) => [id, 'done']));
  const [runId = ''] = runIds;
  expect(await client.invoke('runs.get', { id: runId })).toMatchObject({ id: runId, state: 'done' });
  const series = (await client.invoke('metrics.list', { runIds }))[0]?.series[0] ?? '';
  const [slice] = await client.invoke('metrics.read', { requests: [{ runId, series }] });
  expect(slice?.steps.length).toBeGreaterThan(0);
  expect((await client.invoke('queue.get', {})).queued).toEqual([]);
  expect(await client.invoke('datasets.list', {})).toHaveLength(1);
  expect((await client.invoke('datasets.verify', { id: 'tiny' })).ok).toBe(true);

  // Chosen for as long as the program runs.
  await client.invoke('memory.set', { key: 'preferences', value: { theme: 'dark' } });
  expect(await client.invoke('memory.get', { key: 'preferences' })).toEqual({ theme: 'dark' });
  expect(lab.interrupted).toEqual([]);

  // A copy of the lab, and its runs for another one, are written elsewhere.
  const folder = await temporaryFolder();
  const [backup, archive] = [join(folder, 'lab.tar'), join(folder, 'runs.tar')];
  const started = [
    await client.invoke('lab.backup', { path: backup }),
    await client.invoke('runs.export', { ids: runIds, path: archive }),
  ];
  await until({ events }, async () => (await client.invoke('jobs.list', {})).every(({ state }) => state !== 'running'));
  const jobs = await client.invoke('jobs.list', {});
  expect(jobs.map(({ id, state }) => [id, state])).toEqual(started.map(({ id }) => [id, 'done']));
  const { files } = await unpackArchiveFile(backup, 'lab', join(folder, 'copy'));
  expect(files.map(({ name }) => name)).toContain('lab.sqlite');
  const other = await openTestLab();
  expect(await importRuns(other, archive)).toEqual(runIds);

  expect(await readFolder(directory)).toEqual(before);
  await close();
  expect(await readFolder(directory)).toEqual(before);
});

it('refuses every method that changes the lab, before its input is looked at', async () => {
  const { directory } = await makeLab();
  updateLab(directory);
  const { dispatcher } = await openTestLab({ labDirectory: directory, orForReading: true });
  const names = Object.keys(contract) as MethodName[];
  const changing = names.filter((name) => contract[name].effect === 'changes');
  expect(changing).toContain('experiments.create');
  for (const name of changing) {
    const answer = await dispatcher.dispatch(name, {});
    expect(answer, name).toMatchObject({ ok: false, error: { code: 'labFromNewerVersion' } });
  }
});

it('changes nothing by any method that says so', async () => {
  const { directory, experimentId, runIds } = await makeLab();
  const before = await readFolder(directory);
  updateLab(directory);
  const updated = await readFolder(directory);
  expect(updated).not.toEqual(before);
  const { dispatcher } = await openTestLab({ labDirectory: directory, orForReading: true });
  const [id = ''] = runIds;
  const inputs = [
    ...[
      {},
      { id },
      { id: experimentId },
      { id: 'tiny' },
      { ids: runIds },
      { runIds },
      { runId: id, series: 'train/loss' },
    ],
    ...[{ document: tinyExperiment }, { key: 'draft', value: 1 }, { runIds, series: ['train/loss'] }],
    { requests: [{ runId: id, series: 'train/loss' }] },
  ];
  const answered = new Set<string>();
  const names = (Object.keys(contract) as MethodName[]).filter((name) => contract[name].effect !== 'changes');
  for (const name of names) {
    for (const input of inputs) if ((await dispatcher.dispatch(name, input)).ok) answered.add(name);
  }
  expect([...answered]).toEqual(
    expect.arrayContaining([
      'datasets.verify',
      'experiments.plan',
      'lab.diagnostics',
      'memory.set',
      'metrics.read',
      'runs.get',
    ]),
  );
  expect(await readFolder(directory)).toEqual(updated);
});

it('is read by the command line likewise', async () => {
  const { directory, runIds } = await makeLab();
  updateLab(directory);
  const before = await readFolder(directory);
  const listed = await runHere(['runs', 'list', '--lab', directory, '--json']);
  expect(listed.status).toBe(0);
  for (const id of runIds) expect(listed.stdout).toContain(id);
  const archive = join(await temporaryFolder(), 'runs.tar');
  expect(await runHere(['runs', 'export', ...runIds, '--archive', archive, '--lab', directory])).toMatchObject({
    status: 0,
  });
  const other = await openTestLab();
  expect(await importRuns(other, archive)).toEqual(runIds);
  expect(await readFolder(directory)).toEqual(before);
});

it('says what a newer layout keeps in another way, and shows the rest', async () => {
  const { directory, runIds } = await makeLab();
  updateLab(directory, (database) => {
    database.exec(`
      ALTER TABLE memory RENAME TO settings;
      ALTER TABLE runs RENAME COLUMN queuePosition TO place;
    `);
  });
  const { client, dispatcher } = await openTestLab({ labDirectory: directory, orForReading: true });
  expect(await client.invoke('runs.find', {})).toHaveLength(runIds.length);
  expect(await dispatcher.dispatch('queue.list', {})).toMatchObject({
    ok: false,
    error: {
      code: 'labFromNewerVersion',
      message: 'The queue of this lab cannot be read: a newer NormLab keeps this in another way.',
    },
  });
  expect(await client.invoke('memory.get', { key: 'draft' })).toBeNull();
});

it('shows a lab whose folder cannot be written', async () => {
  const { directory, runIds } = await makeLab();
  // Not even a user who may write everything can take this lock.
  await rm(join(directory, 'owner.lock'));
  await mkdir(join(directory, 'owner.lock'));
  await expect(openUnguardedTestLab({ labDirectory: directory })).rejects.toMatchObject({ code: 'labNotWritable' });
  const before = await readFolder(directory);
  const { client, close } = await openUnguardedTestLab({ labDirectory: directory, orForReading: true });
  expect((await client.invoke('machine.describe', {})).readOnly).toMatchObject({ code: 'labNotWritable' });
  expect(await client.invoke('runs.find', {})).toHaveLength(runIds.length);
  await expect(client.invoke('runs.delete', { ids: runIds })).rejects.toMatchObject({ code: 'labNotWritable' });
  await close();
  expect(await readFolder(directory)).toEqual(before);
});

it('is for reading only where there is something to read, and nobody has it open', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'owner.lock'));
  await expect(openUnguardedTestLab({ labDirectory: folder, orForReading: true })).rejects.toMatchObject({
    code: 'labNotWritable',
  });
  const { directory } = await makeLab();
  await openTestLab({ labDirectory: directory });
  await expect(openUnguardedTestLab({ labDirectory: directory, orForReading: true })).rejects.toMatchObject({
    code: 'labInUse',
  });
});

it('is saved and opened as usual where only its version was damaged', async () => {
  const { directory, runIds } = await makeLab();
  const database = new Database(databasePath(directory));
  database.pragma('user_version = 990');
  database.close();
  const { lab, client } = await openTestLab({ labDirectory: directory, orForReading: true });
  expect(lab.readOnly).toBeNull();
  expect(lab.notices).toContainEqual(expect.objectContaining({ code: 'labDamaged' }));
  expect((await client.invoke('runs.find', {})).map(({ id }) => id)).toEqual(runIds);
});
