import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LabContract } from '#main/contract/labContract.ts';
import type { EnsuredExperiment } from '#shared/contract.ts';
import { addTinyDataset, openTestLab, tinyExperiment, until } from './testLab.ts';

const ensure = (contract: LabContract, changes: Record<string, unknown> = {}): Promise<EnsuredExperiment> =>
  contract.client.invoke('experiments.ensure', { document: { ...tinyExperiment, ...changes } });

/** States of the runs that were asked for, when none of them trains or waits any more. */
async function statesAtTheEnd(contract: LabContract, { runIds }: EnsuredExperiment): Promise<string[]> {
  await until(contract, async () => {
    const { running, queued } = await contract.client.invoke('queue.get', {});
    return running.length + queued.length === 0;
  });
  return contract.lab.runs.list().flatMap((run) => (runIds.includes(run.id) ? [run.state] : []));
}

describe('experiments.ensure', () => {
  it('makes an experiment once, finds it again and adds only the seeds that it does not have', async () => {
    const contract = await openTestLab();
    const first = await ensure(contract);
    expect([first.added, first.runIds.length]).toEqual([4, 4]);
    expect(await statesAtTheEnd(contract, first)).toEqual(['done', 'done', 'done', 'done']);
    const before = contract.lab.runs.list();

    const again = await ensure(contract, { name: 'Another name' });
    expect([again.added, again.runIds, again.experiment.id]).toEqual([0, first.runIds, first.experiment.id]);
    expect(again.experiment.name).toBe('Tiny');

    const more = await ensure(contract, { seeds: [2, 3] });
    expect([more.added, more.experiment.id, more.experiment.document.seeds]).toEqual([
      2,
      first.experiment.id,
      [1, 2, 3],
    ]);
    expect(more.experiment.runs.map(({ label, seed }) => [label, seed])).toEqual(
      [1, 2, 3].flatMap((seed) => ['batchNorm', 'none'].map((label) => [label, seed])),
    );
    // Those of seed 1 were not asked for.
    expect(more.runIds).toEqual(more.experiment.runs.filter(({ seed }) => seed > 1).map(({ id }) => id));
    expect(await statesAtTheEnd(contract, more)).toEqual(['done', 'done', 'done', 'done']);
    // What was finished was not touched.
    expect(contract.lab.runs.list().slice(0, 4)).toEqual(before);
  });

  it('trains again what was deleted, and brings back what was put away', async () => {
    const contract = await openTestLab();
    const first = await ensure(contract);
    await statesAtTheEnd(contract, first);
    await contract.client.invoke('runs.delete', { ids: first.runIds.slice(1, 2) });
    await contract.client.invoke('experiments.archive', { ids: [first.experiment.id], archived: true });

    const again = await ensure(contract);
    expect([again.added, again.experiment.id, again.experiment.archivedAt]).toEqual([1, first.experiment.id, null]);
    expect(await statesAtTheEnd(contract, again)).toEqual(['done', 'done', 'done', 'done']);
  });

  it('goes on with what was stopped', async () => {
    const contract = await openTestLab({ behaviour: 'slow' });
    const first = await ensure(contract);
    await contract.client.invoke('runs.stop', { ids: first.runIds });
    await statesAtTheEnd(contract, first);
    expect(contract.lab.runs.list().map(({ state }) => state)).not.toContain('queued');
    const again = await ensure(contract);
    expect([again.added, again.runIds]).toEqual([0, first.runIds]);
    const { running, queued } = await contract.client.invoke('queue.get', {});
    expect([...running, ...queued].toSorted()).toEqual([...first.runIds].toSorted());
  });

  it('is another experiment where a setting is another, the data are others, or the first was deleted', async () => {
    const contract = await openTestLab();
    const first = await ensure(contract);
    const other = await ensure(contract, { base: { ...tinyExperiment.base, batchSize: 4 } });
    await statesAtTheEnd(contract, other);
    const ids = [first.experiment.id, other.experiment.id];
    expect(new Set(ids).size).toBe(2);

    await contract.client.invoke('experiments.delete', { ids: [first.experiment.id] });
    const third = await ensure(contract);
    expect(ids).not.toContain(third.experiment.id);
    await statesAtTheEnd(contract, third);

    const folder = join(contract.lab.directory, 'datasets');
    await rm(folder, { recursive: true });
    await addTinyDataset(contract.lab.directory, 'tiny', 7);
    const onOtherData = await ensure(contract);
    expect([...ids, third.experiment.id]).not.toContain(onOtherData.experiment.id);
  });

  it('takes the claims of now', async () => {
    const contract = await openTestLab();
    const claim = {
      id: 'lower',
      figure: 'Figure 0',
      text: 'BN learns.',
      parts: [{ metric: 'validation/loss', left: 'batchNorm', right: 'none', expected: { relation: 'less' as const } }],
    };
    const first = await ensure(contract);
    expect(first.experiment.document.claims).toEqual([]);
    const again = await ensure(contract, { claims: [claim] });
    expect([again.experiment.id, again.experiment.document.claims]).toEqual([first.experiment.id, [claim]]);
  });
});
