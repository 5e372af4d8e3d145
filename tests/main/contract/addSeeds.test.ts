import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { LabContract } from '#main/contract/labContract.ts';
import type { EnsuredExperiment, ExperimentDetail } from '#shared/contract.ts';
import { maximumRuns } from '#main/contract/experimentPreview.ts';
import { addTinyDataset, openTestLab, tinyExperiment, until } from './testLab.ts';

const create = (contract: LabContract, changes: Record<string, unknown> = {}): Promise<ExperimentDetail> =>
  contract.client.invoke('experiments.create', { document: { ...tinyExperiment, ...changes } });
const addSeeds = (contract: LabContract, id: string, seeds: number[]): Promise<EnsuredExperiment> =>
  contract.client.invoke('experiments.addSeeds', { id, seeds });
const untilIdle = (contract: LabContract): Promise<void> =>
  until(contract, async () => {
    const { running, queued } = await contract.client.invoke('queue.get', {});
    return running.length + queued.length === 0;
  });

it('extends the very experiment that is named, paired by seed, and trains only what is new', async () => {
  const contract = await openTestLab();
  const { client } = contract;
  const older = await create(contract);
  // The same comparison once more: it is not the one that is named.
  const newer = await create(contract);
  await client.invoke('experiments.rename', { id: older.id, name: 'Named' });
  await untilIdle(contract);
  await client.invoke('experiments.archive', { ids: [older.id], archived: true });
  const before = contract.lab.runs.list();

  const added = await addSeeds(contract, older.id, [3, 4]);
  expect(added).toMatchObject({ added: 4, experiment: { id: older.id, name: 'Named', archivedAt: null } });
  expect(added.experiment.document.seeds).toEqual([1, 2, 3, 4]);
  expect(added.experiment.runs.map(({ label, seed }) => [label, seed])).toEqual(
    [1, 2, 3, 4].flatMap((seed) => ['batchNorm', 'none'].map((label) => [label, seed])),
  );
  expect(added.runIds).toEqual(added.experiment.runs.filter(({ seed }) => seed > 2).map(({ id }) => id));
  await untilIdle(contract);
  expect(contract.lab.runs.list().map(({ state }) => state)).toEqual(Array(12).fill('done'));
  // What was there was not touched, and nothing but the seed is another.
  expect(contract.lab.runs.list().slice(0, 8)).toEqual(before);
  const document = (seed: number) =>
    contract.lab.runs.list({ experimentId: older.id }).find((run) => run.label === 'none' && run.document.seed === seed)
      ?.document;
  expect({ ...document(3), seed: 1 }).toEqual(document(1));
  expect((await client.invoke('experiments.get', { id: newer.id })).document.seeds).toEqual([1, 2]);
});

it('adds nothing twice, and goes on with what did not reach its end under these seeds', async () => {
  const contract = await openTestLab({ behaviour: 'endless' });
  const { client } = contract;
  const { id, runs } = await create(contract);
  await client.invoke('runs.stop', { ids: runs.map((run) => run.id) });
  await untilIdle(contract);
  const added = await addSeeds(contract, id, [2, 3]);
  expect([added.added, added.runIds.length]).toEqual([2, 4]);
  expect(added.experiment.document.seeds).toEqual([1, 2, 3]);
  const { running, queued } = await client.invoke('queue.get', {});
  expect([...running, ...queued].toSorted()).toEqual(added.runIds.toSorted());
  const states = await client.invoke('runs.find', { ids: runs.slice(0, 2).map((run) => run.id) });
  expect(states.map(({ state }) => state)).toEqual(['stopped', 'stopped']);
});

it('refuses where the data are others by now, with too many runs, and where there is no such experiment', async () => {
  const contract = await openTestLab();
  const { id } = await create(contract);
  await untilIdle(contract);
  await expect(addSeeds(contract, 'absent', [3])).rejects.toMatchObject({ code: 'notFound' });
  await expect(addSeeds(contract, id, [3, 3])).rejects.toMatchObject({ code: 'invalidDocument' });
  const many = Array.from({ length: 1000 }, (_, index) => index + 2);
  await expect(addSeeds(contract, id, many)).rejects.toMatchObject({ code: 'invalidDocument' });
  const wide = {
    vary: [{ key: 'batchSize', values: [1, 2, 3, 4] }],
    base: { ...tinyExperiment.base, method: { id: 'none' } },
  };
  const { id: wideId } = await create(contract, { ...wide, seeds: [1] });
  await expect(addSeeds(contract, wideId, many.slice(0, maximumRuns / 4))).rejects.toMatchObject({
    message: `The experiment would have more than ${maximumRuns} runs.`,
  });
  await untilIdle(contract);
  await rm(join(contract.lab.directory, 'datasets'), { recursive: true });
  await addTinyDataset(contract.lab.directory, 'tiny', 7);
  await expect(addSeeds(contract, id, [3])).rejects.toMatchObject({
    code: 'invalidState',
    message: expect.stringContaining('other data') as string,
  });
  expect((await contract.client.invoke('experiments.get', { id })).document.seeds).toEqual([1, 2]);
});
