import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { expandExperiment, parseExperimentDocument } from '#shared/domain/experiment.ts';
import { presetExperiment } from '#shared/domain/presets.ts';
import { useExperimentDraft } from '../../../src/renderer/composables/experimentDraft.ts';
import { plainPage } from '../../../src/renderer/data/host.ts';
import { connectLab } from '../../../src/renderer/stores/lab.ts';
import { FormLab } from './formLab.ts';

let lab: FormLab;

/** The interface as after a start; the lab and its memory stay. */
function startInterface(): ReturnType<typeof useExperimentDraft> {
  connectLab(lab, plainPage);
  setActivePinia(createPinia());
  return useExperimentDraft();
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(1000);
}

beforeEach(() => {
  vi.useFakeTimers();
  lab = new FormLab();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a draft is there again after a restart, with what was typed wrong', async () => {
  const first = startInterface();
  await first.open();
  first.setValue('optimizer.learningRate', 'abc');
  first.addVariation('batchSize');
  first.setVariation('batchSize', { pending: '12' });
  first.setSeeds('1, x');
  first.setName('Mine');
  await settle();
  const second = startInterface();
  await second.open();
  expect(second.draft).toEqual(first.draft);
  expect(second.problems.map(({ path }) => path)).toEqual(['base.optimizer.learningRate', 'seeds']);
});

test('nothing is lost while the lab cannot be reached, and it is told once it is back', async () => {
  const draft = startInterface();
  await draft.open();
  lab.setConnected(false);
  draft.setName('Typed without a lab');
  await settle();
  expect([draft.unsaved, draft.name]).toEqual([true, 'Typed without a lab']);
  expect(draft.previewError?.code ?? 'labUnreachable').toBe('labUnreachable');
  lab.setConnected(true);
  await settle();
  expect(draft.unsaved).toBe(false);
  expect(lab.memory.get('draft/new-experiment')).toMatchObject({ name: 'Typed without a lab' });
});

test('a form that is opened without a lab waits, instead of beginning in place of the draft that the lab keeps', async () => {
  const first = startInterface();
  await first.open();
  first.setName('Kept by the lab');
  await settle();
  lab.setConnected(false);
  const second = startInterface();
  await expect(second.open()).rejects.toThrow('The lab cannot be reached.');
  expect(second.ready).toBe(false);
  lab.setConnected(true);
  await second.open();
  expect([second.ready, second.name]).toEqual([true, 'Kept by the lab']);
});

test('of answers to several previews the latest draft’s counts', async () => {
  const draft = startInterface();
  await draft.open();
  lab.hold = true;
  draft.setSeeds('1, 2');
  await settle();
  draft.setSeeds('1, 2, 3');
  await settle();
  lab.release(1);
  await settle();
  expect(draft.preview?.runs).toHaveLength(6);
  lab.release(0);
  await settle();
  expect([draft.preview?.runs.length, draft.previewStale]).toEqual([6, false]);
});

test('many changes at once are one question', async () => {
  const draft = startInterface();
  await draft.open();
  await settle();
  const before = lab.calls.filter(({ name }) => name === 'experiments.preview').length;
  for (const text of ['1', '12', '128']) draft.setValue('batchSize', Number(text));
  await settle();
  expect(lab.calls.filter(({ name }) => name === 'experiments.preview').length - before).toBe(1);
});

test('starting over and cloning put the draft aside, from where it comes back', async () => {
  const draft = startInterface();
  await draft.open();
  draft.setName('Worth keeping');
  const kept = draft.draft;
  expect(draft.startOver()).toBe(true);
  expect(draft.draft.name).toBe('');
  draft.bringBack();
  expect(draft.draft).toEqual(kept);
  const source = lab.add(presetExperiment('quickstart'));
  expect(await draft.open({ experimentId: source.id })).toBe(true);
  expect(draft.draft.base['batchSize']).toBeUndefined();
  expect(draft.draft.base['optimizer']).toEqual(source.document.base['optimizer']);
  draft.bringBack();
  expect(draft.draft).toEqual(kept);
  await expect(draft.open({ experimentId: 'nowhere' })).rejects.toThrow('There is no such experiment.');
  expect(draft.draft).toEqual(kept);
});

test('a single run is cloned with its settings and its seed, and nothing that varies', async () => {
  const draft = startInterface();
  await draft.open();
  const source = lab.add({ ...presetExperiment('quickstart'), seeds: [1, 7] });
  const run = source.runs.find(({ item }) => item.methodId === 'none' && item.seed === 7);
  await draft.open({ runId: run?.item.id ?? '' });
  expect(draft.draft).toMatchObject({ vary: [], groups: [], seeds: '7', base: { method: { id: 'none' } } });
  const { base, seeds } = draft.sent.document;
  const [again] = expandExperiment(parseExperimentDocument({ name: 'Again', base, seeds }));
  expect(again?.document).toEqual(run?.document);
  await expect(draft.open({ runId: 'nowhere' })).rejects.toThrow('There is no such run.');
});

test('a fresh draft is replaced without asking', async () => {
  const draft = startInterface();
  await draft.open();
  expect(await draft.open({ presetId: 'quickstart' })).toBe(false);
  expect(draft.replaced).toBeNull();
});

test('what was typed for a method comes back with it', async () => {
  const draft = startInterface();
  await draft.open();
  draft.removeVariation('method');
  draft.setValue('method', 'batchNorm');
  draft.setValue('method.epsilon', 0.001);
  draft.setValue('method', 'none');
  expect(draft.draft.base['method']).toEqual({ id: 'none' });
  draft.setValue('method', 'batchNorm');
  expect(draft.draft.base['method']).toEqual({ id: 'batchNorm', epsilon: 0.001 });
});

test('a field that varies begins with its value, takes each value once, and the method comes first', async () => {
  const draft = startInterface();
  await draft.open();
  draft.removeVariation('method');
  draft.addVariation('batchSize');
  draft.addVariation('method');
  draft.setVariation('batchSize', { pending: '64, 128 256' });
  draft.commitPending('batchSize');
  expect(draft.draft.vary).toEqual([
    { key: 'method', values: ['batchNorm'], pending: '' },
    { key: 'batchSize', values: [64, 128, 256], pending: '' },
  ]);
});

test('starting makes the experiment, with values still being typed, and clears the draft', async () => {
  const draft = startInterface();
  await draft.open();
  draft.addVariation('batchSize');
  draft.setVariation('batchSize', { pending: '128' });
  await settle();
  const started = await draft.start();
  expect(lab.experiments[0]?.document).toMatchObject({
    name: 'BN against none by batch size on CIFAR-10',
    vary: [
      { key: 'method', values: ['batchNorm', 'none'] },
      { key: 'batchSize', values: [64, 128] },
    ],
  });
  expect(started?.id).toBe(lab.experiments[0]?.id);
  expect(draft.variationOf('batchSize')).toBeNull();
});

test('what cannot start is not sent, and a refusal keeps the draft', async () => {
  const draft = startInterface();
  await draft.open();
  draft.setValue('batchSize', 'x');
  expect(await draft.start()).toBeNull();
  expect(lab.experiments).toEqual([]);
  draft.setValue('batchSize', 32);
  lab.setConnected(false);
  expect(await draft.start()).toBeNull();
  expect([draft.startError?.code, draft.draft.base['batchSize']]).toEqual(['labUnreachable', 32]);
});
