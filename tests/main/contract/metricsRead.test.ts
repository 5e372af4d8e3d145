import { describe, expect, it } from 'vitest';
import { metricsHandlers } from '#main/contract/handlers/metrics.ts';
import type { ContractContext } from '#main/contract/context.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { SeriesSlice } from '#shared/contract.ts';
import { createStores, points, type TestStores } from '../store/examples.ts';

/** Only the store is asked. */
function openMetrics(stores: TestStores) {
  const { metrics, runs } = stores;
  const lab = { store: { metrics, runs }, runs: { get: (id: string) => runs.resolve(id) } };
  return metricsHandlers({ lab } as unknown as ContractContext);
}

/** What a client holds of one series, by the rules of the contract. */
interface Held {
  metricsRevision: number;
  pointsPerBucket: number;
  completeThrough: number;
  entries: { step: number; value: number | null; minimum: number | null; maximum: number | null }[];
}

const nothingHeld: Held = { metricsRevision: 0, pointsPerBucket: 1, completeThrough: -1, entries: [] };

function extend(held: Held, slice: SeriesSlice): Held {
  const kept = slice.replace ? [] : held.entries.filter(({ step }) => step <= held.completeThrough);
  const added = slice.steps.map((step, index) => {
    const value = slice.values[index] ?? null;
    return { step, value, minimum: slice.minimum?.[index] ?? value, maximum: slice.maximum?.[index] ?? value };
  });
  const { metricsRevision, pointsPerBucket, completeThrough } = slice;
  return { metricsRevision, pointsPerBucket, completeThrough, entries: [...kept, ...added] };
}

const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null;

describe('a damaged series', () => {
  it('has a hole that is named, and is exact only where nothing may be missing', async () => {
    const stores = createStores();
    const { database, metrics, first } = stores;
    metrics.append(first, { 'train/loss': points(1, 2050) });
    metrics.flush();
    database.exec('UPDATE metricChunks SET lastStep = lastStep + 1 WHERE level = 0 AND ordinal = 1');
    const handlers = openMetrics(stores);
    const request = { runId: first, series: 'train/loss', afterStep: -1, metricsRevision: 0, pointsPerBucket: 1 };
    const [slice] = await handlers['metrics.read']({ requests: [request], maximumBuckets: 3000 });
    expect(slice?.error).toMatchObject({
      code: 'labDamaged',
      message: `Series train/loss of run ${first} is damaged: its points at steps 1025 to 2048 cannot be read.`,
    });
    expect(slice?.steps).toEqual([...points(1, 2050).steps]);
    const isMissing = (step: number): boolean => step > 1024 && step <= 2048;
    const { steps, values } = points(1, 2050);
    expect(slice?.values).toEqual(Array.from(values, (value, index) => (isMissing(steps[index] ?? 0) ? null : value)));
    const exact = { runId: first, series: 'train/loss' };
    await expect(handlers['metrics.points']({ ...exact, allowMissing: false })).rejects.toMatchObject({
      code: 'labDamaged',
    });
    const readable = await handlers['metrics.points']({ ...exact, allowMissing: true });
    expect(readable.missing).toEqual([{ firstStep: 1025, lastStep: 2048, pointCount: 1024 }]);
    expect(Buffer.from(readable.steps, 'base64').byteLength).toBe(8 * 1026);
  });
});

describe('what series come to', () => {
  it('is told of all others where one is damaged, and why it is not of that one', async () => {
    const stores = createStores();
    const { database, metrics, first, second } = stores;
    for (const id of [first, second])
      metrics.append(id, { 'train/loss': points(1, 10), 'validation/loss': points(1, 10) });
    metrics.flush();
    database.exec(`UPDATE metricChunks SET lastStep = lastStep + 1 WHERE seriesKey IN
      (SELECT seriesKey FROM metricSeries WHERE runId = '${first}' AND name = 'train/loss')`);
    const series = ['train/loss', 'validation/loss'];
    const found = await openMetrics(stores)['metrics.finalValues']({ runIds: [first, second], series });
    expect(found[0]?.values['train/loss']).toMatchObject({
      value: null,
      evaluations: 0,
      error: { code: 'labDamaged' },
    });
    const whole = found[1]?.values['train/loss'];
    expect(whole?.value).not.toBeNull();
    expect(whole).toMatchObject({ evaluations: 10 });
    expect(whole).not.toHaveProperty('error');
    expect(found[0]?.values['validation/loss']).toEqual(whole);
  });
});

describe('metrics.read', () => {
  it('gives raw points where they fit, with null for what is not finite', async () => {
    const stores = createStores();
    const { metrics, first } = stores;
    metrics.append(first, {
      'train/loss': { steps: Float64Array.of(1, 2, 4), values: Float64Array.of(3, NaN, Infinity) },
    });
    const read = openMetrics(stores)['metrics.read'];
    const request = { runId: first, series: 'train/loss', afterStep: -1, metricsRevision: 0, pointsPerBucket: 1 };
    expect(
      await read({
        requests: [request, { ...request, afterStep: 2 }, { ...request, afterStep: 4 }],
        maximumBuckets: 10,
      }),
    ).toEqual(
      [
        { steps: [1, 2, 4], values: [3, null, null] },
        { steps: [4], values: [null] },
        { steps: [], values: [] },
      ].map((points) => ({
        runId: first,
        series: 'train/loss',
        metricsRevision: 0,
        replace: false,
        pointsPerBucket: 1,
        completeThrough: 4,
        ...points,
      })),
    );
  });

  it('says which buckets will still change, and replaces what has other buckets', async () => {
    const stores = createStores();
    const { metrics, first } = stores;
    metrics.append(first, {
      loss: { steps: Float64Array.of(1, 2, 3, 4, 5), values: Float64Array.of(1, 3, 2, 6, 7) },
    });
    const read = openMetrics(stores)['metrics.read'];
    const [slice] = await read({
      requests: [{ runId: first, series: 'loss', afterStep: 5, metricsRevision: 0, pointsPerBucket: 1 }],
      maximumBuckets: 3,
    });
    expect(slice).toEqual({
      runId: first,
      series: 'loss',
      metricsRevision: 0,
      replace: true,
      pointsPerBucket: 2,
      // The bucket that ends at 5 waits for step 6.
      completeThrough: 4,
      steps: [2, 4, 5],
      values: [2, 4, 7],
      minimum: [1, 2, 7],
      maximum: [3, 6, 7],
    });
  });

  it('answers for a run or series that is not there without failing the others', async () => {
    const stores = createStores();
    stores.metrics.append(stores.first, { loss: { steps: Float64Array.of(1), values: Float64Array.of(1) } });
    const read = openMetrics(stores)['metrics.read'];
    const request = { series: 'loss', afterStep: -1, metricsRevision: 0, pointsPerBucket: 1 };
    const slices = await read({
      requests: [
        { ...request, runId: 'nobody' },
        { ...request, runId: stores.first, series: 'other' },
        { ...request, runId: stores.first },
      ],
      maximumBuckets: 10,
    });
    expect(slices.map(({ steps, error }) => [steps, error?.code])).toEqual([
      [[], 'notFound'],
      [[], undefined],
      [[1], undefined],
    ]);
  });

  // Polls at random moments while a run appends, is cut back to a checkpoint and goes on; answers get
  // lost. What the client holds is equal to the store's own reading after every answer.
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'keeps a client equal to the store (seed %i)',
    async (seed) => {
      const random = createRandomStream(seed, 'test/metricsRead');
      const stores = createStores();
      const { metrics, first } = stores;
      const read = openMetrics(stores)['metrics.read'];
      const maximumBuckets = 2 + random.integer(seed % 2 === 0 ? 400 : 20);
      let held = nothingHeld;
      let step = 0;
      for (let round = 0; round < 60; round++) {
        const action = random.integer(10);
        if (action < 5) {
          const count = 1 + random.integer(40);
          const steps = Float64Array.from({ length: count }, () => (step += 1 + random.integer(2)));
          metrics.append(first, {
            loss: { steps, values: steps.map((at) => (at % 17 === 0 ? NaN : Math.sin(at) + round)) },
          });
        } else if (action === 5) metrics.flush();
        else if (action === 6) {
          step = random.integer(step + 2) - 1;
          metrics.truncateAfter(first, step);
          step = Math.max(step, 0);
        } else {
          const [slice] = await read({
            requests: [
              {
                runId: first,
                series: 'loss',
                afterStep: held.completeThrough,
                metricsRevision: held.metricsRevision,
                pointsPerBucket: held.pointsPerBucket,
              },
            ],
            maximumBuckets,
          });
          // A lost answer, or a page that was loaded anew.
          if (action === 7 && random.integer(2) === 0) held = random.integer(2) === 0 ? nothingHeld : held;
          else if (slice) {
            held = extend(held, slice);
            const expected = metrics.readBuckets(first, 'loss', maximumBuckets);
            expect(held.pointsPerBucket).toBe(expected.pointsPerBucket);
            expect(held.entries).toEqual(
              Array.from(expected.lastSteps, (lastStep, index) => ({
                step: lastStep,
                value: finite(expected.mean[index]),
                minimum: finite(expected.minimum[index]),
                maximum: finite(expected.maximum[index]),
              })),
            );
            if (held.pointsPerBucket === 1) {
              const all = metrics.read(first, 'loss');
              expect(held.entries.map((entry) => entry.step)).toEqual([...all.steps]);
              expect(held.entries.map((entry) => entry.value)).toEqual([...all.values].map(finite));
            }
          }
        }
      }
      expect(held).toBeDefined();
    },
  );
});

describe('metrics.finalValues', () => {
  it('means the last tenth of the evaluations; null for what is not there or not finite', async () => {
    const stores = createStores();
    const { metrics, first, second } = stores;
    const steps = Float64Array.from({ length: 20 }, (_, index) => index + 1);
    metrics.append(first, {
      'validation/loss': { steps, values: steps.map((step) => step * step) },
      'gap/loss': { steps, values: steps.map((step) => (step === 20 ? Infinity : 1)) },
    });
    const read = openMetrics(stores)['metrics.finalValues'];
    expect(await read({ runIds: [first, second], series: ['validation/loss', 'gap/loss'] })).toEqual([
      {
        runId: first,
        values: {
          'validation/loss': { value: (19 ** 2 + 20 ** 2) / 2, evaluations: 20 },
          'gap/loss': { value: null, evaluations: 20 },
        },
      },
      {
        runId: second,
        values: {
          'validation/loss': { value: null, evaluations: 0 },
          'gap/loss': { value: null, evaluations: 0 },
        },
      },
    ]);
  });
});
