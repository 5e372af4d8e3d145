import { expect, it } from 'vitest';
import { durably, durableTransaction } from '#main/store/durably.ts';
import { createStores } from './examples.ts';

it('has SQLite sync what it writes, and only that', () => {
  const { database } = createStores();
  database.pragma('synchronous = NORMAL');
  const level = (): unknown => database.pragma('synchronous', { simple: true });
  expect(durably(database, level)).toBe(2);
  expect(durableTransaction(database, (add: number) => [level(), database.inTransaction, add + 1])(1)).toEqual([
    2,
    true,
    2,
  ]);
  expect(() =>
    durably(database, () => {
      throw new Error('It fails.');
    }),
  ).toThrow('It fails.');
  expect(level()).toBe(1);
  // Within a transaction the level cannot be changed: it is that one's.
  expect(database.transaction(() => durably(database, level))()).toBe(1);
});
