import { expect, it } from 'vitest';
import {
  bucketsOfPoints,
  concatenateBuckets,
  downsample,
  mergeBuckets,
  sliceBuckets,
  type Buckets,
} from '#shared/statistics/downsample.ts';

function points(values: number[]): { steps: Float64Array; values: Float64Array } {
  return { steps: Float64Array.from(values, (_, index) => 10 * (index + 1)), values: Float64Array.from(values) };
}

function plain(buckets: Buckets): Record<string, number[]> {
  return Object.fromEntries(Object.entries(buckets).map(([name, column]) => [name, [...(column as Float64Array)]]));
}

it('gives first and last step, minimum, maximum and mean of each bucket', () => {
  expect(plain(downsample(points([4, 1, 7, 2, 2, 5, -3]), 3))).toEqual({
    firstSteps: [10, 40, 70],
    lastSteps: [30, 60, 70],
    minimum: [1, 2, -3],
    maximum: [7, 5, -3],
    mean: [4, 3, -3],
    counts: [3, 3, 1],
    nonFiniteCounts: [0, 0, 0],
  });
});

it('leaves values that are not finite out of the figures and counts them', () => {
  const result = plain(downsample(points([1, NaN, 3, Infinity, -Infinity, NaN, 8]), 3));
  expect(result).toMatchObject({
    minimum: [1, NaN, 8],
    maximum: [3, NaN, 8],
    mean: [2, NaN, 8],
    counts: [3, 3, 1],
    nonFiniteCounts: [1, 3, 0],
  });
});

it('weighs means by their finite points when buckets of different size are joined', () => {
  const parts = concatenateBuckets([
    downsample(points([1, 2, 3, 4]), 4),
    downsample(points([10, NaN]), 2),
    bucketsOfPoints(points([5])),
  ]);
  // (1 + 2 + 3 + 4 + 10 + 5) / 6
  expect(plain(mergeBuckets(parts, 3))).toMatchObject({
    minimum: [1],
    maximum: [10],
    mean: [25 / 6],
    counts: [7],
    nonFiniteCounts: [1],
  });
});

it('gives the same buckets in one step and in several', () => {
  const series = points(Array.from({ length: 1000 }, (_, index) => Math.sin(index) + index / 100));
  const direct = downsample(series, 64);
  const twice = mergeBuckets(downsample(series, 8), 8);
  expect({ ...plain(twice), mean: [] }).toEqual({ ...plain(direct), mean: [] });
  for (const [index, mean] of direct.mean.entries()) expect(twice.mean[index]).toBeCloseTo(mean, 12);
});

it('keeps a constant exact and huge values finite', () => {
  expect(plain(downsample(points(Array.from({ length: 7 }, () => 0.1)), 7)).mean).toEqual([0.1]);
  expect(plain(downsample(points([1.5e308, -1.5e308]), 2)).mean).toEqual([0]);
});

it('slices buckets, and has none for no points', () => {
  expect(plain(sliceBuckets(downsample(points([1, 2, 3]), 1), 1, 2))).toMatchObject({ firstSteps: [20], mean: [2] });
  expect(plain(downsample(points([]), 8)).mean).toEqual([]);
});
