import { describe, expect, it } from 'vitest';
import { computeCurves, type CurveRequest, type RunSeries } from '../../../src/renderer/data/curves.ts';

function run(part: Partial<RunSeries> & { steps: Float64Array; values: Float64Array }): RunSeries {
  return {
    runId: 'run',
    minimum: null,
    maximum: null,
    pointsPerBucket: 1,
    stepsPerEpoch: null,
    timeSteps: new Float64Array(0),
    timeSeconds: new Float64Array(0),
    ...part,
  };
}
const numbers = (...values: number[]): Float64Array => Float64Array.from(values);
const request = (runs: RunSeries[], part: Partial<CurveRequest> = {}): CurveRequest => ({
  groups: [{ key: 'a', runs }],
  xAxis: 'step',
  smoothing: 0,
  band: 'interval',
  maximumPoints: 1000,
  ...part,
});

describe('computeCurves', () => {
  it('leaves a single run as it is', () => {
    const [curve] = computeCurves(request([run({ steps: numbers(1, 2), values: numbers(3, 4) })]));
    expect(curve?.mean).toEqual({ x: [1, 2], y: [3, 4], lower: null, upper: null });
  });

  it('averages seeds where all of them have a value, with a t-interval', () => {
    const [curve] = computeCurves(
      request([
        run({ steps: numbers(10, 20, 30), values: numbers(1, 2, 3) }),
        run({ steps: numbers(10, 20), values: numbers(3, 2) }),
      ]),
    );
    // t(0.975, 1) = 12.7062047; s = √2 of (1, 3): half-width t·√2/√2.
    expect(curve?.mean.x).toEqual([10, 20]);
    expect(curve?.mean.y).toEqual([2, 2]);
    expect(curve?.mean.lower?.[0]).toBeCloseTo(2 - 12.706_204_7, 6);
    expect(curve?.mean.upper?.[1]).toBe(2);
    expect(curve?.count).toBe(2);
  });

  it('ends the mean where a seed diverged, and draws a band from smallest to largest', () => {
    const [curve] = computeCurves(
      request(
        [
          run({ steps: numbers(1, 2, 3), values: numbers(1, 5, 1) }),
          run({ steps: numbers(1, 2, 3), values: numbers(2, 3, Number.NaN) }),
        ],
        { band: 'range' },
      ),
    );
    expect(curve?.mean).toEqual({ x: [1, 2], y: [1.5, 4], lower: [1, 3], upper: [2, 5] });
  });

  it('joins the finer of two bucket sizes before averaging', () => {
    const [curve] = computeCurves(
      request(
        [
          run({ steps: numbers(2, 4), values: numbers(10, 20), pointsPerBucket: 2 }),
          run({ steps: numbers(1, 2, 3, 4, 5), values: numbers(0, 2, 4, 6, 8) }),
        ],
        { band: 'none' },
      ),
    );
    expect(curve?.mean).toEqual({ x: [2, 4], y: [5.5, 12.5], lower: null, upper: null });
  });

  it('shows what a bucket hides, unless smoothing hides it', () => {
    const bucketed = run({
      steps: numbers(4),
      values: numbers(2),
      minimum: numbers(1),
      maximum: numbers(9),
      pointsPerBucket: 4,
    });
    expect(computeCurves(request([bucketed]))[0]?.mean).toEqual({ x: [4], y: [2], lower: [1], upper: [9] });
    expect(computeCurves(request([bucketed], { smoothing: 0.5 }))[0]?.mean.lower).toBeNull();
  });

  it('smooths by points, whatever the bucket size', () => {
    // Debiased: m₂ = (0.5·0.5·1 + 0.5·3)/(1 − 0.25) = 7/3; buckets of two points use 0.5².
    const fine = computeCurves(request([run({ steps: numbers(1, 2), values: numbers(1, 3) })], { smoothing: 0.5 }));
    expect(fine[0]?.mean.y).toEqual([1, 7 / 3]);
    const coarse = computeCurves(
      request([run({ steps: numbers(2, 4), values: numbers(1, 3), pointsPerBucket: 2 })], { smoothing: 0.5 }),
    );
    expect(coarse[0]?.mean.y[1]).toBeCloseTo((0.25 * 0.75 * 1 + 0.75 * 3) / (1 - 0.0625), 12);
  });

  it('places steps by epoch and by measured time', () => {
    const measured = run({
      steps: numbers(5, 10, 20, 30),
      values: numbers(1, 1, 1, 1),
      stepsPerEpoch: 10,
      timeSteps: numbers(10, 20),
      timeSeconds: numbers(4, 6),
    });
    expect(computeCurves(request([measured], { xAxis: 'epoch' }))[0]?.mean.x).toEqual([0.5, 1, 2, 3]);
    expect(computeCurves(request([measured], { xAxis: 'time' }))[0]?.mean.x).toEqual([2, 4, 6, 8]);
  });

  it('thins long curves without losing their spikes', () => {
    const values = new Float64Array(10_000).fill(1);
    values[7777] = 50;
    values[1234] = -50;
    const steps = Float64Array.from(values, (_, index) => index);
    const [curve] = computeCurves(request([run({ steps, values })], { maximumPoints: 200 }));
    expect(curve?.mean.x.length).toBeLessThanOrEqual(201);
    expect(Math.max(...(curve?.mean.y ?? []))).toBe(50);
    expect(Math.min(...(curve?.mean.y ?? []))).toBe(-50);
    expect(curve?.mean.x.at(-1)).toBe(9999);
  });
});
