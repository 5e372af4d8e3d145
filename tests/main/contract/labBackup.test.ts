import { readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { restoreLab } from '#main/archives/labBackup.ts';
import type { JobRecord } from '#shared/contract.ts';
import { openTestLab, temporaryFolder, tinyExperiment, until } from './testLab.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('is offered names that are free', async () => {
  const home = await temporaryFolder();
  vi.stubEnv('HOME', home);
  const { client } = await openTestLab();
  const first = await client.invoke('lab.describe', {});
  for (const file of [first.suggestedBackupFile, first.suggestedRunsFile]) {
    expect(file).toMatch(/normlab-(backup|runs)-\d{4}-\d\d-\d\d\.tar$/);
    await writeFile(file, '');
  }
  const second = await client.invoke('lab.describe', {});
  expect(second.suggestedBackupFile).toBe(first.suggestedBackupFile.replace(/\.tar$/, '-2.tar'));
  expect(second.suggestedRunsFile).toBe(first.suggestedRunsFile.replace(/\.tar$/, '-2.tar'));
});

it('is made as a job while the lab is in use, and remembered', async () => {
  const contract = await openTestLab();
  const { client, lab } = contract;
  const { runs } = await client.invoke('experiments.create', { document: { ...tinyExperiment, vary: [], seeds: [1] } });
  await lab.runs.whenEnded(runs.map(({ id }) => id));
  expect(await client.invoke('lab.describe', {})).toMatchObject({ directory: lab.directory, lastBackup: null });
  const folder = await temporaryFolder();
  const path = join(folder, 'lab.tar');
  const seen: JobRecord[] = [];
  client.subscribe('jobsChanged', ({ jobs }) => seen.push(...jobs));
  const { id } = await client.invoke('lab.backup', { path });
  await until(contract, () => seen.some((job) => job.id === id && job.state !== 'running'));
  const ended = seen.at(-1);
  expect(ended).toMatchObject({ state: 'done', kind: 'backupLab', unit: 'bytes', error: null });
  expect(ended?.done).toBe(ended?.total);
  const { lastBackup } = await client.invoke('lab.describe', {});
  const { bytes } = await client.invoke('lab.size', {});
  expect(lastBackup).toMatchObject({ file: path, runs: 1, damaged: [] });
  expect(bytes).toBeGreaterThan((await stat(join(lab.directory, 'lab.sqlite'))).size);
  expect(await restoreLab(path, join(folder, 'restored'))).toMatchObject({ runs: 1 });
});

it('leaves nothing behind where it is cancelled', async () => {
  const contract = await openTestLab();
  const { client } = contract;
  const folder = await temporaryFolder();
  const { id } = await client.invoke('lab.backup', { path: join(folder, 'lab.tar') });
  await client.invoke('jobs.cancel', { id });
  await until(contract, async () => (await client.invoke('jobs.list', {})).every(({ state }) => state === 'cancelled'));
  expect(await readdir(folder)).toEqual([]);
  expect((await client.invoke('lab.describe', {})).lastBackup).toBeNull();
});

it('is restored as a job into a new folder, whole or not at all', async () => {
  const contract = await openTestLab();
  const { client, lab } = contract;
  const folder = await temporaryFolder();
  const path = join(folder, 'lab.tar');
  const jobEnds = async ({ id }: Pick<JobRecord, 'id'>): Promise<JobRecord | undefined> => {
    const find = async (): Promise<JobRecord | undefined> =>
      (await client.invoke('jobs.list', {})).find((job) => job.id === id);
    await until(contract, async () => (await find())?.state !== 'running');
    return find();
  };
  await jobEnds(await client.invoke('lab.backup', { path }));
  const directory = join(folder, 'restored');
  const restored = await jobEnds(await client.invoke('lab.restore', { path, directory }));
  expect(restored).toMatchObject({ state: 'done', kind: 'restoreLab', result: directory });
  expect(restored?.done).toBe(restored?.total);
  expect(await readdir(directory)).toContain('lab.sqlite');

  // Not over a lab that is there, not within this one, and not of a file that is damaged.
  expect(await jobEnds(await client.invoke('lab.restore', { path, directory }))).toMatchObject({
    state: 'failed',
    error: { code: 'labNotWritable', message: `The folder ${directory} is not empty.` },
  });
  await expect(client.invoke('lab.restore', { path, directory: join(lab.directory, 'inside') })).rejects.toMatchObject({
    code: 'invalidArgument',
  });
  await truncate(path, (await stat(path)).size / 2);
  const elsewhere = join(folder, 'elsewhere');
  expect(await jobEnds(await client.invoke('lab.restore', { path, directory: elsewhere }))).toMatchObject({
    state: 'failed',
    error: { code: 'invalidArchive' },
  });
  const { id } = await client.invoke('lab.restore', { path, directory: elsewhere });
  await client.invoke('jobs.cancel', { id });
  expect(await jobEnds({ id })).toMatchObject({ state: 'cancelled' });
  expect((await readdir(folder)).sort()).toEqual(['lab.tar', 'restored']);
});

it('is refused within the lab itself, and without a full path', async () => {
  const { client, lab } = await openTestLab();
  for (const path of [join(lab.directory, 'backup.tar'), 'backup.tar']) {
    await expect(client.invoke('lab.backup', { path })).rejects.toMatchObject({ code: 'invalidArgument' });
  }
});
