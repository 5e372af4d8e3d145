import { createPinia, setActivePinia } from 'pinia';
import { expect, it } from 'vitest';
import type { QueueState, RunListItem } from '#shared/contract.ts';
import { emptyQueue } from '#shared/domain/queue.ts';
import { presetExperiment } from '#shared/domain/presets.ts';
import { runStates } from '#shared/domain/runState.ts';
import { useRunActions } from '../../../src/renderer/composables/runActions.ts';
import { plainPage } from '../../../src/renderer/data/host.ts';
import { explainRun } from '../../../src/renderer/data/stateText.ts';
import { useExperiments } from '../../../src/renderer/stores/experiments.ts';
import { connectLab } from '../../../src/renderer/stores/lab.ts';
import { useMachine } from '../../../src/renderer/stores/machine.ts';
import { FakeLab } from '../fakeLab.ts';

/** A lab with an experiment of three runs, and what can be done with them. */
function openLab() {
  const lab = new FakeLab();
  const { runs } = lab.add({ ...presetExperiment('quickstart'), vary: [], seeds: [1, 2, 3] });
  connectLab(lab, plainPage);
  setActivePinia(createPinia());
  useExperiments();
  return { lab, runs: runs.map((run) => run.item), ...useRunActions() };
}

it('offers for each state what makes sense, and nothing else', () => {
  const { runs, possible } = openLab();
  const [run] = runs as [RunListItem];
  const offered = runStates.map((state) => [state, possible([{ ...run, state }]).map(({ id }) => id)]);
  expect(Object.fromEntries(offered)).toEqual({
    queued: ['pause', 'stop'],
    preparing: ['pause', 'stop'],
    running: ['pause', 'stop'],
    stopping: [],
    stopped: ['resume'],
    paused: ['resume', 'stop'],
    done: [],
    failed: ['resume'],
    diverged: [],
    lost: ['resume'],
  });
  // What an earlier session left waiting waits for someone who lets it start.
  useMachine().queue = { ...emptyQueue, unstarted: [run.id] };
  expect(possible([run]).map(({ id }) => id)).toEqual(['pause', 'resume', 'stop']);
});

it('does with several runs what each of them allows, and says with how many', async () => {
  const { lab, runs, possible, menuFor } = openLab();
  const [first, second, third] = runs as [RunListItem, RunListItem, RunListItem];
  Object.assign(second, { state: 'paused' });
  Object.assign(third, { state: 'done' });
  expect(menuFor(runs, 'of this curve').map(({ label }) => label)).toEqual([
    'Pause 1 of 3 runs of this curve',
    'Resume 1 of 3 runs of this curve',
    'Stop 2 of 3 runs of this curve',
  ]);
  expect(menuFor([first, second]).map(({ label }) => label)).toEqual([
    'Pause 1 of 2 runs',
    'Resume 1 of 2 runs',
    'Stop all 2 runs',
  ]);
  expect(menuFor([first]).map(({ label }) => label)).toEqual(['Pause', 'Stop']);
  expect(menuFor([third])).toEqual([]);
  // Asked a second time, the lab ends what is stopping at once.
  const stopping = { ...first, state: 'stopping' } as const;
  expect(menuFor([stopping]).map(({ label }) => label)).toEqual(['End without a checkpoint']);

  const act = async (verb: string): Promise<void> => {
    possible(runs)
      .find((action) => action.id === verb)
      ?.run();
    await Promise.resolve();
  };
  await act('pause');
  await act('resume');
  await act('stop');
  expect(lab.calls.filter(({ name }) => name.startsWith('runs.'))).toEqual([
    { name: 'runs.pause', input: { ids: [first.id] } },
    // The first is paused by now.
    { name: 'runs.resume', input: { ids: [first.id, second.id] } },
    { name: 'runs.stop', input: { ids: [first.id, second.id] } },
  ]);
});

it('explains what a run waits for, and from where it goes on', () => {
  const { runs } = openLab();
  const [run] = runs as [RunListItem];
  const queued = (queue: Partial<QueueState>): string | null =>
    explainRun({ ...run, state: 'queued' }, { ...emptyQueue, queued: ['another', run.id], ...queue });
  expect(queued({})).toBe('Number 2 in the queue.');
  expect(queued({ settings: { ...emptyQueue.settings, paused: true } })).toBe('Waits: the queue is paused.');
  expect(queued({ queued: [], unstarted: [run.id] })).toMatch(/resume it to let it start/);
  expect(queued({ halted: { code: 'diskFull', message: 'The disk is full.', hint: '' } })).toBe(
    'Waits: The disk is full.',
  );
  const waitsFor = { reason: 'memory', message: 'Waits for memory.' } as const;
  expect(queued({ queued: [run.id], waitsFor })).toBe('Waits for memory.');
  expect(queued({ waitsFor })).toBe('Number 2 in the queue.');

  const progress = { step: 1240, totalSteps: 5000 } as RunListItem['progress'];
  expect(explainRun({ ...run, state: 'paused', progress }, emptyQueue)).toMatch(/^Paused at step 1240\./);
  expect(explainRun({ ...run, state: 'stopped' }, emptyQueue)).toMatch(/^Stopped before its first step\./);
  expect(explainRun({ ...run, state: 'done', progress }, emptyQueue)).toBeNull();
});
