import { expect, it } from 'vitest';
import { createIdGenerator } from '#main/store/ids.ts';

it('encodes the time in nine digits and the tail in four', () => {
  // Python: digits of 1_700_000_000_000 and 33 in base 32 of 0123456789abcdefghjkmnpqrstvwxyz
  expect(
    createIdGenerator(
      () => 1_700_000_000_000,
      () => 33,
    )(),
  ).toBe('1hf7yat000011');
});

it('ascends within a millisecond, when the clock stands still, goes back or the tail is used up', () => {
  const times = [5, 5, 5, 4, 6, 6, 6];
  const tails = [32 ** 4 - 2, 7, 32 ** 4 - 1, 0];
  const create = createIdGenerator(
    () => times.shift() ?? 0,
    () => tails.shift() ?? 0,
  );
  const ids = Array.from({ length: 7 }, () => create());
  expect(ids).toEqual([
    '000000005zzzy',
    '000000005zzzz',
    '0000000060007',
    '0000000060008',
    '0000000060009',
    '000000006000a',
    '000000006000b',
  ]);
  expect(ids.toSorted()).toEqual(ids);
});

it('makes ids that differ', () => {
  const create = createIdGenerator();
  expect(new Set(Array.from({ length: 5000 }, () => create())).size).toBe(5000);
});

it('ascend also from those of an earlier session, when the clock was ahead', () => {
  const future = Date.UTC(2027, 0, 1);
  const earlier = createIdGenerator(() => future);
  const ids = [earlier(), earlier()];
  let clockMs = Date.UTC(2026, 0, 1);
  const later = createIdGenerator(() => clockMs);
  for (const id of ids) later.follow(id);
  ids.push(later(), later());
  clockMs -= 3_600_000;
  ids.push(later());
  expect(ids).toEqual([...new Set(ids)].sort());
  // What is no id of ours, or from a clock that was absurdly wrong, is not followed.
  const free = createIdGenerator(() => clockMs);
  const first = free();
  for (const id of ['', 'short', 'zzzzzzzzzzzzz', 'uuuuuuuuuuuuu']) free.follow(id);
  expect(free() > first).toBe(true);
  expect(free() < (ids[0] ?? '')).toBe(true);
});
