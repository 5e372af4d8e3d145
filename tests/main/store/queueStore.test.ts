import { expect, it } from 'vitest';
import { createQueueStore, listQueueSql } from '#main/store/queueStore.ts';
import type { QueueStore } from '#main/store/store.ts';
import { createExample, createStores, labErrorOf, type TestStores } from './examples.ts';

/** A queue of six runs, named a to f in order of creation. */
function openQueue(): TestStores & { queue: QueueStore; id: (name: string) => string; order: () => string } {
  const stores = createStores();
  createExample(stores.experiments);
  createExample(stores.experiments);
  const ids = stores.runs.list().map((run) => run.id);
  const names = new Map(ids.map((id, index) => [id, 'abcdef'.charAt(index)]));
  const queue = createQueueStore(stores.database);
  const order = (): string =>
    queue
      .list()
      .map((run) => names.get(run.id))
      .join('');
  return { ...stores, queue, id: (name) => ids['abcdef'.indexOf(name)] ?? '', order };
}

it('begins in order of creation, and moves runs', () => {
  const { queue, id, order } = openQueue();
  expect(order()).toBe('abcdef');
  const moves = [
    ['d', 'up', 'abdcef'],
    ['a', 'up', 'abdcef'],
    ['a', 'down', 'badcef'],
    ['f', 'top', 'fbadce'],
    ['f', 'bottom', 'badcef'],
    ['f', 'down', 'badcef'],
  ] as const;
  for (const [name, to, after] of moves) {
    queue.move(id(name), to);
    expect(order(), `${name} ${to}`).toBe(after);
  }
});

it('takes priority before order, and moves within a priority', () => {
  const { queue, id, order } = openQueue();
  queue.setPriority(id('e'), 'high');
  queue.setPriority(id('c'), 'high');
  queue.setPriority(id('a'), 'low');
  expect(order()).toBe('cebdfa');
  expect(queue.list().map((run) => run.priority)).toEqual(['high', 'high', 'normal', 'normal', 'normal', 'low']);
  queue.move(id('e'), 'top');
  queue.move(id('b'), 'up');
  expect(order()).toBe('ecbdfa');
  queue.setPriority(id('e'), 'normal');
  queue.setPriority(id('d'), 'normal');
  expect(order()).toBe('cbdefa');
});

it('puts runs that come later behind those that were put in order, and keeps no place of a run that left', () => {
  const { queue, runs, experiments, id, order } = openQueue();
  queue.move(id('f'), 'top');
  runs.transition(id('a'), 'stopped');
  expect(order()).toBe('fbcde');
  runs.transition(id('a'), 'queued');
  expect(order()).toBe('fbcdea');
  const later = createExample(experiments);
  expect(queue.list().slice(6)).toEqual(
    runs.list({ experimentId: later }).map((run) => ({ id: run.id, priority: 'normal' })),
  );
});

it('seals what it writes, and leaves damaged runs out', () => {
  const { queue, runs, database, id, order } = openQueue();
  queue.setPriority(id('b'), 'high');
  queue.move(id('f'), 'top');
  expect(order()).toBe('bfacde');
  expect(runs.get(id('b'))?.state).toBe('queued');
  database.prepare(`UPDATE runs SET queuePriority = 'high' WHERE id = ?`).run(id('d'));
  expect(order()).toBe('bface');
});

it('refuses runs that do not wait, and ids of none', () => {
  const { queue, runs, id, order } = openQueue();
  runs.transition(id('a'), 'preparing');
  expect(labErrorOf(() => queue.move(id('a'), 'down')).code).toBe('invalidState');
  expect(labErrorOf(() => queue.setPriority(id('a'), 'high')).message).toContain('is preparing');
  expect(labErrorOf(() => queue.move('absent', 'up')).code).toBe('notFound');
  expect(labErrorOf(() => queue.setPriority('absent', 'low')).code).toBe('notFound');
  expect(order()).toBe('bcdef');
});

it('finds waiting runs by an index', () => {
  const { database } = createStores();
  const plan = database.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${listQueueSql}`).all();
  expect(plan.map(({ detail }) => detail)).toContain('SEARCH runs USING INDEX runsByState (state=?)');
});
