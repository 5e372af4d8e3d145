import { expect, it } from 'vitest';
import { findCardObstacle, findMemoryObstacle } from '#main/runs/memoryAdmission.ts';
import { RunQueue, type RunQueueOptions } from '#main/runs/runQueue.ts';
import type { QueueWait } from '#shared/domain/queue.ts';
import type { LabErrorData } from '#shared/errors.ts';

const full: LabErrorData = { code: 'diskFull', message: 'Full.', hint: 'Make room.' };

/** A queue over a list of ids; trainers end when they are told to. */
function openQueue(order: string[], settings: { paused: boolean; trainersAtOnce: number }) {
  const started: string[] = [];
  const ends = new Map<string, (halt: LabErrorData | null) => void>();
  let obstacle: QueueWait | null = null;
  const options: RunQueueOptions = {
    settings: () => settings,
    queuedInOrder: () => order.filter((id) => !started.includes(id)),
    findObstacle: () => obstacle,
    train: (id) => {
      started.push(id);
      return new Promise((resolve) => ends.set(id, resolve));
    },
    onChange: () => undefined,
  };
  const queue = new RunQueue(options);
  return {
    queue,
    started,
    setObstacle: (next: QueueWait | null) => (obstacle = next),
    /** Ends a run, and lets the queue go on. */
    async end(id: string, halt: LabErrorData | null = null): Promise<void> {
      await Promise.resolve();
      ends.get(id)?.(halt);
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    },
  };
}

it('starts in order, as many at once as may train', async () => {
  const settings = { paused: false, trainersAtOnce: 2 };
  const { queue, started, end } = openQueue(['a', 'b', 'c', 'd'], settings);
  queue.add(['d', 'c', 'b', 'a']);
  await end('none');
  expect(started).toEqual(['a', 'b']);
  await end('b');
  expect(started).toEqual(['a', 'b', 'c']);
  settings.trainersAtOnce = 1;
  await end('a');
  expect(queue.training).toEqual(['c']);
  expect(queue.waiting).toEqual(['d']);
  expect(queue.waitsFor).toBeNull();
});

it('starts nothing while paused, and what trains goes on', async () => {
  const settings = { paused: false, trainersAtOnce: 1 };
  const { queue, started, end } = openQueue(['a', 'b'], settings);
  queue.add(['a', 'b']);
  settings.paused = true;
  queue.check();
  await end('a');
  expect(queue.training).toEqual([]);
  expect(queue.waitsFor?.reason).toBe('paused');
  settings.paused = false;
  queue.check();
  await end('none');
  expect(started).toEqual(['a', 'b']);
});

it('waits behind a run that cannot start, until it can', async () => {
  const { queue, started, end, setObstacle } = openQueue(['a', 'b'], { paused: false, trainersAtOnce: 2 });
  const wait: QueueWait = { reason: 'memory', message: 'Too big.' };
  setObstacle(wait);
  queue.add(['a', 'b']);
  expect(queue.waitsFor).toEqual(wait);
  expect(queue.training).toEqual([]);
  setObstacle(null);
  queue.check();
  await end('none');
  expect(started).toEqual(['a', 'b']);
  expect(queue.waitsFor).toBeNull();
});

it('halts where a run says that the next would fail too, until runs are added', async () => {
  const { queue, started, end } = openQueue(['a', 'b'], { paused: false, trainersAtOnce: 1 });
  queue.add(['a', 'b']);
  await end('a', full);
  expect([queue.halted, queue.waiting, queue.training]).toEqual([full, [], []]);
  queue.add(['b']);
  await end('none');
  expect(started).toEqual(['a', 'b']);
});

it('admits to memory what fits beside what trains and may still grow', () => {
  const use = (neededBytes: number | null, residentBytes: number | null) => ({ neededBytes, residentBytes });
  expect(findMemoryObstacle(8e9, [], 1e9)).toBeNull();
  expect(findMemoryObstacle(null, [], 1e9)).toBeNull();
  // It has what it needs: all that is free is left.
  expect(findMemoryObstacle(1e9, [use(1e9, 1e9)], 1e9)).toBeNull();
  expect(findMemoryObstacle(1e9, [use(1e9, 1.5e9)], 1e9)).toBeNull();
  // It may take half a gigabyte more.
  expect(findMemoryObstacle(1e9, [use(1e9, 5e8)], 1.4e9)?.reason).toBe('memory');
  expect(findMemoryObstacle(1e9, [use(1e9, 5e8)], 1.5e9)).toBeNull();
  expect(findMemoryObstacle(1e9, [use(1e9, null), use(1e9, null)], 2.9e9)?.reason).toBe('memory');
  expect(findMemoryObstacle(null, [use(1e9, 1e9)], 100e9)?.message).toContain('not known');
});

it('admits to a graphics card what fits beside runs whose memory shows', () => {
  const card = { name: 'RTX 4090', memoryUsedBytes: 10e9, memoryBytes: 24e9 };
  expect(findCardObstacle(20e9, [], card)).toBeNull();
  expect(findCardObstacle(14e9, [true, true], card)).toBeNull();
  expect(findCardObstacle(14.1e9, [true], card)?.message).toBe(
    'The next run needs about 14.1 GB of the memory of RTX 4090; 14.0 GB are left beside what trains.',
  );
  expect(findCardObstacle(1e9, [true, false], card)?.message).toContain('shows in their first steps');
  expect(findCardObstacle(null, [true], card)?.message).toContain('not known');
  expect(findCardObstacle(1e9, [true], { ...card, memoryUsedBytes: null })?.message).toContain('not known');
});
