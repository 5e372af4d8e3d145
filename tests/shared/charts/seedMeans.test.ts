import { describe, expect, it } from 'vitest';
import { seedMeanCurve, type SeedCurve } from '#shared/charts/seedMeans.ts';

const style = { color: '#0072B2', dash: 'solid', marker: 'circle' } as const;
const curve = (values: number[], state: SeedCurve['state'] = 'done', firstStep = 1): SeedCurve => ({
  state,
  points: {
    steps: Float64Array.from(values, (_, index) => firstStep + index),
    values: Float64Array.from(values),
  },
  position: (step) => step / 2,
});

describe('seedMeanCurve', () => {
  it('means seeds where all have a finite value, with the t-interval or the range', () => {
    const seeds = [curve([1, 10, 7]), curve([2, 20, Number.NaN]), curve([3, 30], 'diverged')];
    const { mean, count, runs } = seedMeanCurve('BN', style, seeds, 'interval');
    expect([count, mean.x, mean.y]).toEqual([3, [0.5, 1], [2, 20]]);
    // t(0.975, 2) = 4.302652730, s = 1 and 10.
    expect(mean.lower?.[0]).toBeCloseTo(2 - 4.302_652_73 / Math.sqrt(3), 7);
    expect(mean.upper?.[1]).toBeCloseTo(20 + (10 * 4.302_652_73) / Math.sqrt(3), 6);
    expect(runs.map(({ diverged }) => diverged)).toEqual([false, false, true]);
    expect(runs[0]?.line.x).toEqual([0.5, 1, 1.5]);
    expect(seedMeanCurve('BN', style, seeds, 'range').mean).toMatchObject({ lower: [1, 10], upper: [3, 30] });
  });

  it('leaves one seed as it is, and has no line without points', () => {
    expect(seedMeanCurve('BN', style, [curve([1, 2]), curve([])], 'interval')).toMatchObject({
      count: 1,
      mean: { x: [0.5, 1], y: [1, 2], lower: null, upper: null },
    });
    expect(seedMeanCurve('BN', style, [], 'range')).toMatchObject({ count: 0, mean: { x: [], y: [] } });
    // Seeds that share no step have no mean.
    expect(seedMeanCurve('BN', style, [curve([1]), curve([1], 'done', 5)], 'range').mean.x).toEqual([]);
  });
});
