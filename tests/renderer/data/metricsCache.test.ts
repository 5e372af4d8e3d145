import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { presetExperiment } from '#shared/domain/presets.ts';
import { MetricsCache } from '../../../src/renderer/data/metricsCache.ts';
import { FakeLab, valueAt } from '../fakeLab.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const series = 'train/loss';

function start(maximumBuckets = 2000): {
  lab: FakeLab;
  cache: MetricsCache;
  runId: string;
  step: (count: number) => void;
  expected: () => unknown;
  held: () => unknown;
} {
  const lab = new FakeLab({ now: 0 });
  const experiment = lab.add(presetExperiment('quickstart'));
  const [run] = experiment.runs;
  if (!run) throw new Error('no run');
  const cache = new MetricsCache(lab, { maximumBuckets, minimumIntervalMs: 200 });
  const runId = run.item.id;
  return {
    lab,
    cache,
    runId,
    step: (count) => lab.advance(count),
    held: () => {
      const buffer = cache.get(runId, series);
      return buffer && { steps: [...buffer.steps], values: [...buffer.values] };
    },
    expected: () => {
      const steps = Array.from({ length: run.item.progress?.step ?? 0 }, (_, index) => index + 1);
      return { steps, values: steps.map((at) => valueAt(run, series, at)) };
    },
  };
}

describe('MetricsCache', () => {
  it('holds what the lab has, as it grows', async () => {
    const { cache, runId, step, held, expected } = start();
    step(5);
    cache.want({}, [{ runId, series }]);
    await vi.advanceTimersByTimeAsync(300);
    expect(held()).toEqual(expected());
    for (let round = 0; round < 20; round += 1) {
      step(3);
      await vi.advanceTimersByTimeAsync(50);
    }
    await vi.advanceTimersByTimeAsync(300);
    expect(held()).toEqual(expected());
  });

  it('asks at most five times a second, and for what is wanted only', async () => {
    const { lab, cache, runId, step } = start();
    cache.want({}, [{ runId, series }]);
    await vi.advanceTimersByTimeAsync(1000);
    lab.calls.length = 0;
    for (let round = 0; round < 50; round += 1) {
      step(1);
      await vi.advanceTimersByTimeAsync(20);
    }
    const reads = lab.calls.filter((call) => call.name === 'metrics.read');
    expect(reads.length).toBeGreaterThan(3);
    expect(reads.length).toBeLessThanOrEqual(6);
    expect(reads.every((call) => JSON.stringify(call.input).includes(series))).toBe(true);
  });

  it('catches up after the connection was cut, with nothing doubled or missing', async () => {
    const { lab, cache, runId, step, held, expected } = start();
    cache.want({}, [{ runId, series }]);
    step(4);
    await vi.advanceTimersByTimeAsync(300);
    for (let cut = 0; cut < 10; cut += 1) {
      step(2);
      await vi.advanceTimersByTimeAsync(cut * 13);
      lab.setConnected(false);
      step(3);
      await vi.advanceTimersByTimeAsync(70);
      lab.setConnected(true);
      await vi.advanceTimersByTimeAsync(90);
    }
    await vi.advanceTimersByTimeAsync(3000);
    expect(held()).toEqual(expected());
  });

  it('drops what the lab discarded', async () => {
    const { lab, cache, runId, step, held, expected } = start();
    cache.want({}, [{ runId, series }]);
    step(40);
    await vi.advanceTimersByTimeAsync(300);
    const run = lab.experiments[0]?.runs[0];
    if (!run) throw new Error('no run');
    run.item.metricsRevision = 1;
    lab.moveTo(run, 25);
    lab.emit('runsChanged', { runs: [run.item] });
    await vi.advanceTimersByTimeAsync(300);
    expect(held()).toEqual(expected());
  });

  it('asks for everything again when events were lost', async () => {
    const { lab, cache, runId, step, held, expected } = start();
    cache.want({}, [{ runId, series }]);
    await vi.advanceTimersByTimeAsync(300);
    const run = lab.experiments[0]?.runs[0];
    if (!run) throw new Error('no run');
    lab.moveTo(run, 30);
    await vi.advanceTimersByTimeAsync(1000);
    expect(held()).toEqual({ steps: [], values: [] });
    lab.emit('resync', {});
    await vi.advanceTimersByTimeAsync(300);
    expect(held()).toEqual(expected());
    step(0);
  });

  it('catches up on what nobody showed for a while', async () => {
    const { cache, runId, step, held, expected } = start();
    const owner = {};
    cache.want(owner, [{ runId, series }]);
    step(5);
    await vi.advanceTimersByTimeAsync(300);
    cache.want(owner, []);
    step(5);
    await vi.advanceTimersByTimeAsync(300);
    cache.want(owner, [{ runId, series }]);
    await vi.advanceTimersByTimeAsync(300);
    expect(held()).toEqual(expected());
  });

  it('holds at most as many buckets as asked for, and more when asked again', async () => {
    const { cache, runId, step, held, expected } = start(50);
    cache.want({}, [{ runId, series }]);
    for (let round = 0; round < 30; round += 1) {
      step(7);
      await vi.advanceTimersByTimeAsync(250);
    }
    const buffer = cache.get(runId, series);
    expect(buffer?.length).toBeLessThanOrEqual(50);
    expect(buffer?.pointsPerBucket).toBe(8);
    expect(buffer?.steps.at(-1)).toBe(210);
    cache.setMaximumBuckets(1000);
    await vi.advanceTimersByTimeAsync(300);
    expect(held()).toEqual(expected());
  });

  it('goes on with others where one run is gone', async () => {
    const { cache, runId, step, held, expected } = start();
    step(6);
    cache.want({}, [
      { runId: 'deleted', series },
      { runId, series },
    ]);
    await vi.advanceTimersByTimeAsync(300);
    expect(held()).toEqual(expected());
  });
});
