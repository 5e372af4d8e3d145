import { describe, expect, it } from 'vitest';
import { createDataOrder } from '#trainer/dataOrder.ts';

describe('createDataOrder', () => {
  it('draws these batches from seed 1', () => {
    // Permutations of the streams `order/0` and `order/1` of seed 1, see tests/shared/random/reference.py.
    const order = createDataOrder(1, 10, 3);
    expect(order.stepsPerEpoch).toBe(3);
    expect([0, 1, 2, 3, 4, 5].map((step) => [...order.batchIndices(step)])).toEqual([
      [3, 8, 1],
      [0, 6, 9],
      [5, 7, 2],
      [1, 8, 7],
      [6, 9, 4],
      [0, 3, 2],
    ]);
  });

  it('shows every image at most once an epoch, in another order each epoch', () => {
    const order = createDataOrder(5, 64, 16);
    const epoch = (number: number): number[] =>
      [0, 1, 2, 3].flatMap((batch) => [...order.batchIndices(number * 4 + batch)]);
    expect(epoch(0).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, index) => index));
    expect(epoch(1)).not.toEqual(epoch(0));
  });

  it('gives the same batch whatever was asked before', () => {
    const order = createDataOrder(3, 50, 7);
    const later = [...order.batchIndices(20)];
    order.batchIndices(0);
    expect([...order.batchIndices(20)]).toEqual(later);
    expect([...createDataOrder(3, 50, 7).batchIndices(20)]).toEqual(later);
  });

  it('refuses a batch that cannot be filled', () => {
    expect(() => createDataOrder(1, 63, 64)).toThrow(expect.objectContaining({ code: 'invalidDocument' }) as Error);
  });
});
