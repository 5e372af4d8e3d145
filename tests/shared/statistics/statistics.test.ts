import { expect, it } from 'vitest';
import { finalValue } from '#shared/statistics/finalValue.ts';
import { median, quantile, spread } from '#shared/statistics/quantiles.ts';
import { smoothExponentially } from '#shared/statistics/smoothing.ts';

// Python, in exact fractions:
//   a = Fraction(9, 10); m = 0
//   for t, x in enumerate([3, -1, 4, 1, -5, 9], 1): m = a*m + (1-a)*x; print(float(m / (1 - a**t)))
const smoothed = [
  3.0, 0.8947368421052632, 2.040590405904059, 1.7380052340796743, 0.09262289077189813, 1.993637941006362,
];

it('smooths with a debiased exponential average', () => {
  const result = smoothExponentially(Float64Array.of(3, -1, 4, 1, -5, 9), 0.9);
  expect(result).toHaveLength(smoothed.length);
  for (const [index, expected] of smoothed.entries()) expect(result[index]).toBeCloseTo(expected, 12);
});

it('passes over values that are not finite, and leaves them visible', () => {
  const result = smoothExponentially(Float64Array.of(NaN, 3, -1, Infinity, 4, -Infinity, 1, -5, 9), 0.9);
  expect([result[0], result[3], result[5]]).toEqual([NaN, Infinity, -Infinity]);
  const finite = result.filter((value) => Number.isFinite(value));
  for (const [index, expected] of smoothed.entries()) expect(finite[index]).toBeCloseTo(expected, 12);
});

it('changes nothing with weight 0, and refuses a weight of 1', () => {
  expect([...smoothExponentially(Float64Array.of(3, -1, 4), 0)]).toEqual([3, -1, 4]);
  expect(() => smoothExponentially(new Float64Array(1), 1)).toThrow(RangeError);
  expect(() => smoothExponentially(new Float64Array(1), NaN)).toThrow(RangeError);
});

it('interpolates quantiles linearly', () => {
  // Python: statistics.quantiles([1, 2, 4, 8, 16, 32, 64], n=10, method='inclusive')
  const deciles = [1.6, 2.4, 3.6, 5.6, 8.0, 12.8, 19.2, 28.8, 44.8];
  for (const [index, expected] of deciles.entries()) {
    expect(quantile([64, 1, 32, 2, 16, 4, 8], (index + 1) / 10)).toBeCloseTo(expected, 12);
  }
});

it('finds medians and spreads', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([5])).toBe(5);
  expect(median([])).toBeNaN();
  expect(median([1, NaN, 3])).toBeNaN();
  expect(median([1, 2, Infinity])).toBe(2);
  expect(spread([10, -2, 7])).toEqual({ minimum: -2, median: 7, maximum: 10 });
  expect(() => quantile([1], 1.5)).toThrow(RangeError);
});

it('takes the mean of the last tenth of evaluations, at least one', () => {
  expect(finalValue(new Float64Array(0))).toBeNaN();
  expect(finalValue(Float64Array.of(1, 2, 9))).toBe(9);
  // 20 evaluations: the last two.
  expect(finalValue(Float64Array.from({ length: 20 }, (_, index) => index))).toBe(18.5);
  // 100 evaluations: 90, …, 99.
  expect(finalValue(Float64Array.from({ length: 100 }, (_, index) => index))).toBe(94.5);
  expect(finalValue(Float64Array.of(1, 2, NaN))).toBeNaN();
});
