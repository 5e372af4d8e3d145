import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { runDatabaseTask } from '#main/store/databaseThread.ts';
import { databasePath } from '#main/store/openStore.ts';
import { openTestLab, openUnguardedTestLab, temporaryFolder, tinyExperiment, until } from './testLab.ts';

/** A lab whose first of two runs is not as it was written. */
async function makeDamagedLab(): Promise<{ directory: string; runIds: string[] }> {
  const directory = await temporaryFolder();
  const { client, lab, close } = await openUnguardedTestLab({ labDirectory: directory });
  const { runs } = await client.invoke('experiments.create', { document: { ...tinyExperiment, seeds: [1] } });
  const runIds = runs.map(({ id }) => id);
  await lab.runs.whenEnded(runIds);
  await close();
  const database = new Database(databasePath(directory));
  database.prepare(`UPDATE runs SET label = 'changed from outside' WHERE id = ?`).run(runIds[0]);
  database.close();
  return { directory, runIds };
}

it('repairs the database while the lab is open, says what was lost, and goes on', async () => {
  const { directory, runIds } = await makeDamagedLab();
  const contract = await openTestLab({ labDirectory: directory });
  const { client, lab } = contract;
  const found = (await client.invoke('lab.describe', {})).damaged;
  expect(found).not.toEqual([]);
  // As a large database is read, in a thread.
  expect(await runDatabaseTask('listDamage', { directory }, databasePath(directory))).toEqual(found);
  expect(await client.invoke('runs.find', {})).toHaveLength(1);

  const { id } = await client.invoke('lab.repair', {});
  // Answers come also meanwhile: with what was asked for, or with why not.
  const meanwhile = await contract.dispatcher.dispatch('experiments.list', {});
  expect(meanwhile.ok ? 'ok' : meanwhile.error.code).toMatch(/^(ok|labInUse)$/);
  await until(contract, async () => (await client.invoke('jobs.list', {})).every(({ state }) => state !== 'running'));
  expect((await client.invoke('jobs.list', {})).find((job) => job.id === id)).toMatchObject({
    kind: 'repairLab',
    state: 'done',
    error: null,
  });

  const { damaged, lastRepair } = await client.invoke('lab.describe', {});
  expect(damaged).toEqual([]);
  expect(lastRepair?.found.join()).toContain(runIds[0]);
  expect(lastRepair?.saved).toMatchObject({ experiments: 1, runs: 2 });
  // Its document was whole: it is told apart from its neighbour again, and what else was lost of it is said.
  expect(lastRepair?.saved?.lost.join()).toContain(runIds[0]);
  expect(await client.invoke('runs.find', {})).toHaveLength(2);
  expect(existsSync(lastRepair?.saved?.keptFile ?? '')).toBe(true);
  // The same services go on with the new database.
  const { runs } = await client.invoke('experiments.create', { document: { ...tinyExperiment, seeds: [7] } });
  await lab.runs.whenEnded(runs.map((run) => run.id));
  const series = (await client.invoke('metrics.list', { runIds: [runs[0]?.id ?? ''] }))[0]?.series ?? [];
  expect(series.length).toBeGreaterThan(0);
});

it('finds a whole database whole, and leaves it as it is', async () => {
  const contract = await openTestLab();
  const { client } = contract;
  await client.invoke('lab.repair', {});
  await until(contract, async () => (await client.invoke('jobs.list', {})).every(({ state }) => state === 'done'));
  expect((await client.invoke('lab.describe', {})).lastRepair).toMatchObject({ found: [], saved: null });
});

it('waits for runs that train and for other jobs', async () => {
  const contract = await openTestLab({ behaviour: 'slow' });
  const { client } = contract;
  const { runs } = await client.invoke('experiments.create', { document: { ...tinyExperiment, vary: [], seeds: [1] } });
  await until(contract, async () => (await client.invoke('queue.get', {})).running.length > 0);
  await client.invoke('lab.repair', {});
  const failed = async (): Promise<boolean> =>
    (await client.invoke('jobs.list', {})).every(({ state }) => state === 'failed');
  await until(contract, failed);
  expect((await client.invoke('jobs.list', {}))[0]?.error).toMatchObject({
    code: 'invalidState',
    message: 'The lab’s database cannot be repaired while runs train.',
  });
  await client.invoke('runs.stop', { ids: runs.map(({ id }) => id) });

  await client.invoke('engines.install', { id: 'tensorflow-cpu' });
  await expect(client.invoke('lab.repair', {})).rejects.toMatchObject({ code: 'invalidState' });
});
