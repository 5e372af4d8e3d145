import { createPinia, setActivePinia } from 'pinia';
import { expect, it, vi } from 'vitest';
import { presetExperiment } from '#shared/domain/presets.ts';
import { proposeSeeds, useAddedSeeds } from '../../../src/renderer/composables/addedSeeds.ts';
import { plainPage } from '../../../src/renderer/data/host.ts';
import { useExperiments } from '../../../src/renderer/stores/experiments.ts';
import { connectLab } from '../../../src/renderer/stores/lab.ts';
import { FormLab } from '../experimentForm/formLab.ts';

/** A lab with experiments of these seeds, of two curves each. */
async function openLab(...seeds: number[][]) {
  const lab = new FormLab();
  seeds.forEach((own, index) => lab.add({ ...presetExperiment('quickstart'), name: `E${index}`, seeds: own }));
  connectLab(lab, plainPage);
  setActivePinia(createPinia());
  const experiments = useExperiments();
  await experiments.load();
  return { lab, list: experiments.all.toSorted((a, b) => a.id.localeCompare(b.id)) };
}

it('proposes the next seeds that nobody has', () => {
  expect(proposeSeeds([{ id: 'a', seeds: [1, 2, 3] }])).toEqual([4, 5, 6]);
  expect(proposeSeeds([{ id: 'a', seeds: [2, 5] }], 4)).toEqual([1, 3, 4, 6]);
  expect(
    proposeSeeds([
      { id: 'a', seeds: [1, 2] },
      { id: 'b', seeds: [1, 3] },
    ]),
  ).toEqual([4, 5, 6]);
});

it('says what the seeds that are new will take, and adds those only', async () => {
  const { lab, list } = await openLab([1, 2], [1]);
  const added = useAddedSeeds(list);
  expect(added.text.value).toBe('3, 4, 5');
  await vi.waitFor(() => expect(added.cost.value?.runs).toBe(12));

  added.text.value = '1, 2, 3';
  await vi.waitFor(() => expect(added.cost.value).toMatchObject({ runs: 2 + 4, seconds: null, problems: [] }));
  const asked = lab.calls.filter(({ name }) => name === 'experiments.preview').slice(-2);
  expect(asked.map(({ input }) => (input as { document: { seeds: number[] } }).document.seeds)).toEqual([[3], [2, 3]]);

  expect(await added.add()).toBe(6);
  expect(lab.calls.filter(({ name }) => name === 'experiments.addSeeds').map(({ input }) => input)).toEqual([
    { id: list[0]?.id, seeds: [3] },
    { id: list[1]?.id, seeds: [2, 3] },
  ]);
  expect(useExperiments().all.map(({ seeds, runs }) => [seeds.toSorted(), runs.length])).toEqual([
    [[1, 2, 3], 6],
    [[1, 2, 3], 6],
  ]);
});

it('follows what is typed, and adds nothing that is wrong or there already', async () => {
  const { lab, list } = await openLab([1, 2]);
  const added = useAddedSeeds(list);
  added.setCount(5);
  expect(added.text.value).toBe('3-7');
  for (const [text, problem] of [
    ['', /at least one/],
    ['3, x', /“x” is not a seed/],
    ['1', /^This seed is there already/],
    ['2, 1', /^These seeds are there already/],
  ] as const) {
    added.text.value = text;
    expect(added.problem.value).toMatch(problem);
    expect(await added.add()).toBeNull();
  }
  expect(lab.calls.filter(({ name }) => name === 'experiments.addSeeds')).toEqual([]);

  added.text.value = '3';
  await vi.waitFor(() => expect(added.cost.value?.runs).toBe(2));
  lab.setConnected(false);
  expect(await added.add()).toBeNull();
  expect(added.error.value?.code).toBe('labUnreachable');
});
