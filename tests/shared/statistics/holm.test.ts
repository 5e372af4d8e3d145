import { describe, expect, it } from 'vitest';
import { adjustByHolm } from '#shared/statistics/holm.ts';

const rounded = (values: (number | null)[]): (number | null)[] =>
  values.map((value) => (value === null ? null : Number(value.toFixed(12))));

describe('adjustByHolm', () => {
  // Expected values: paired.py.
  it('steps down from the smallest and never falls', () => {
    expect(rounded(adjustByHolm([0.01, 0.04, 0.03, 0.005]))).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(rounded(adjustByHolm([0.6, 0.3, 0.4]))).toEqual([0.9, 0.9, 0.9]);
  });

  it('leaves one test as it is, goes to 1 at most, and does not count tests that could not be made', () => {
    expect(adjustByHolm([0.04])).toEqual([0.04]);
    expect(adjustByHolm([0.9, 0.8])).toEqual([1, 1]);
    expect(adjustByHolm([null, 0.02, null, 0.03])).toEqual([null, 0.04, null, 0.04]);
    expect(adjustByHolm([])).toEqual([]);
  });

  it.each([Number.NaN, -0.1, 1.1])('refuses %s', (probability) => {
    expect(() => adjustByHolm([0.5, probability])).toThrow(RangeError);
  });
});
