import { describe, expect, it } from 'vitest';
import { meanInterval, tQuantileTwoSided, tTailProbability } from '#shared/statistics/tInterval.ts';

describe('tQuantileTwoSided', () => {
  // Tables of Student's t, two-sided (Abramowitz & Stegun 1964, table 26.10, with later digits).
  it.each([
    [0.95, 1, 12.706_204_736],
    [0.95, 2, 4.302_652_73],
    [0.95, 4, 2.776_445_105],
    [0.95, 9, 2.262_157_163],
    [0.95, 29, 2.045_229_642],
    [0.95, 120, 1.979_930_405],
    [0.99, 4, 4.604_094_871],
    [0.9, 10, 1.812_461_123],
    [0.5, 1, 1],
  ])('confidence %s with %s degrees of freedom', (confidence, degreesOfFreedom, t) => {
    expect(tQuantileTwoSided(confidence, degreesOfFreedom)).toBeCloseTo(t, 7);
  });

  it('refuses what is not a confidence or not a number of degrees of freedom', () => {
    expect(() => tQuantileTwoSided(1, 3)).toThrow(RangeError);
    expect(() => tQuantileTwoSided(0.95, 0)).toThrow(RangeError);
  });
});

describe('tTailProbability', () => {
  // SciPy; the script is paired.py.
  it.each([
    [0, 4, 0.5],
    [1, 1, 0.25],
    [2.776445105, 4, 0.025_000_000_005_1],
    [-2.132, 4, 0.950_008_613_63],
    [12, 4, 0.000_138_214_274_251],
    [0.1, 9, 0.461_268_223_978],
    [40, 2, 0.000_312_207_336_092],
    [3, 999, 0.001_383_388_230_07],
  ])('beyond %s with %s degrees of freedom', (t, degreesOfFreedom, probability) => {
    expect(tTailProbability(t, degreesOfFreedom) / probability).toBeCloseTo(1, 8);
  });

  it('is 0 beyond infinity, unknown for what is no number, and refuses what is no number of degrees', () => {
    expect(tTailProbability(Infinity, 3)).toBe(0);
    expect(tTailProbability(-Infinity, 3)).toBe(1);
    expect(tTailProbability(Number.NaN, 3)).toBeNaN();
    expect(() => tTailProbability(1, 0)).toThrow(RangeError);
  });
});

describe('meanInterval', () => {
  it('is mean ± t·s/√n', () => {
    // s² of 1…5 is 2.5; t(0.975, 4) = 2.776445105.
    const { mean, halfWidth, count } = meanInterval([1, 2, 3, 4, 5]);
    expect([mean, count]).toEqual([3, 5]);
    expect(halfWidth).toBeCloseTo((2.776_445_105 * Math.sqrt(2.5)) / Math.sqrt(5), 7);
  });

  it('has no width below two values, and no mean without finite ones', () => {
    expect(meanInterval([2])).toEqual({ mean: 2, halfWidth: Number.NaN, count: 1 });
    expect(meanInterval([])).toEqual({ mean: Number.NaN, halfWidth: Number.NaN, count: 0 });
    expect(meanInterval([1, Number.POSITIVE_INFINITY]).mean).toBeNaN();
  });
});
