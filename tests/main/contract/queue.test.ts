import { expect, it } from 'vitest';
import { scheduleQueue } from '#main/contract/queueSchedule.ts';
import { openTestLab, tinyExperiment, until } from './testLab.ts';

/** A lab whose queue is paused, with the four runs of the tiny experiment in it. */
async function openPausedQueue() {
  const contract = await openTestLab();
  const { client } = contract;
  await client.invoke('queue.set', { paused: true });
  const { runs } = await client.invoke('experiments.create', { document: tinyExperiment });
  const [a = '', b = '', c = '', d = ''] = runs.map((run) => run.id);
  return { contract, client, ids: [a, b, c, d] as const };
}

const invalidState = { code: 'invalidState' };

it('says what waits and why, in the order in which it starts', async () => {
  const { contract, client, ids } = await openPausedQueue();
  const [a, b, c, d] = ids;
  expect(await client.invoke('queue.get', {})).toMatchObject({
    running: [],
    queued: ids,
    unstarted: [],
    settings: { paused: true, trainersAtOnce: 1, startWhenIdle: false },
    waitsFor: { reason: 'paused' },
  });
  expect((await client.invoke('queue.move', { id: d, to: 'top' })).queued).toEqual([d, a, b, c]);
  expect((await client.invoke('queue.prioritize', { ids: [b, c], priority: 'high' })).queued).toEqual([b, c, d, a]);
  await client.invoke('runs.pause', { ids: [c] });
  expect((await client.invoke('queue.list', {})).map(({ runId, priority }) => [runId, priority])).toEqual([
    [b, 'high'],
    [d, 'normal'],
    [a, 'normal'],
    [c, 'normal'],
  ]);
  expect((await client.invoke('queue.list', {}))[0]).toMatchObject({ experimentName: 'Tiny', startsInSeconds: null });
  await client.invoke('queue.set', { paused: false });
  await until(contract, async () => (await client.invoke('queue.get', {})).running.length === 0);
  const states = await client.invoke('runs.find', { ids: [...ids] });
  expect(states.map((run) => run.state)).toEqual(['done', 'done', 'paused', 'done']);
  const order = states
    .filter((run) => run.startedAt !== null)
    .sort((x, y) => ((x.startedAt ?? '') < (y.startedAt ?? '') ? -1 : 1));
  expect(order.map((run) => run.id)).toEqual([b, d, a]);
});

it('refuses what cannot be, and changes nothing then', async () => {
  const { client, ids } = await openPausedQueue();
  const [a, b] = ids;
  await client.invoke('runs.stop', { ids: [a] });
  await expect(client.invoke('queue.move', { id: a, to: 'up' })).rejects.toMatchObject(invalidState);
  await expect(client.invoke('queue.prioritize', { ids: [b, a], priority: 'high' })).rejects.toMatchObject(
    invalidState,
  );
  await expect(client.invoke('queue.move', { id: 'absent', to: 'up' })).rejects.toMatchObject({ code: 'notFound' });
  await expect(client.invoke('queue.start', { ids: ['absent'] })).rejects.toMatchObject({ code: 'notFound' });
  await expect(client.invoke('runs.pause', { ids: [a] })).rejects.toMatchObject(invalidState);
  for (const trainersAtOnce of [0, 1.5, 17]) {
    await expect(client.invoke('queue.set', { trainersAtOnce })).rejects.toMatchObject({ code: 'invalidArgument' });
  }
  const { queued, settings } = await client.invoke('queue.get', {});
  expect(queued).toEqual(ids.slice(1));
  expect(settings.trainersAtOnce).toBe(1);
});

it('lists runs of an earlier session as not started, and starts them when asked', async () => {
  const { client, contract, ids } = await openPausedQueue();
  // As after another opening: nobody has asked for them.
  contract.lab.runs.interrupt();
  expect(await client.invoke('queue.get', {})).toMatchObject({ queued: [], unstarted: ids, waitsFor: null });
  expect((await client.invoke('queue.start', { ids: ids.slice(0, 1) })).queued).toEqual(ids.slice(0, 1));
  expect(await client.invoke('queue.start', {})).toMatchObject({ queued: ids, unstarted: [] });
});

it('knows when waiting runs start', () => {
  expect(scheduleQueue([10], [20, 30], 1)).toEqual({ startsInSeconds: [10, 30], secondsLeft: 60 });
  // Two places: 10 is free first, then 25, then 10 + 20.
  expect(scheduleQueue([10, 25], [20, 30, 5], 2)).toEqual({ startsInSeconds: [10, 25, 30], secondsLeft: 55 });
  expect(scheduleQueue([], [20, 30, 5], 2)).toEqual({ startsInSeconds: [0, 0, 20], secondsLeft: 30 });
  expect(scheduleQueue([], [], 1)).toEqual({ startsInSeconds: [], secondsLeft: 0 });
  expect(scheduleQueue([10], [null, 30], 1)).toEqual({ startsInSeconds: [10, null], secondsLeft: null });
  expect(scheduleQueue([null], [20], 1)).toEqual({ startsInSeconds: [null], secondsLeft: null });
  expect(scheduleQueue([null], [20], 2)).toEqual({ startsInSeconds: [0], secondsLeft: null });
});
