import { expect, it } from 'vitest';
import type { SeriesPoints } from '#shared/domain/metric.ts';
import { downsample } from '#shared/statistics/downsample.ts';
import { isChunkIntact, type MetricChunk } from '#main/store/metricChunk.ts';
import type { SeriesRow } from '#main/store/metricTables.ts';
import { isRowIntact } from '#main/store/rowChecksum.ts';
import { createStores, labErrorOf, points, type TestStores } from './examples.ts';

const loss = 'train/loss';
const accuracy = 'validation/accuracy';

/** Every row of the metric tables, by series name: what two stores must agree on byte for byte. */
function metricRows({ database }: TestStores, runId: string): unknown[] {
  const listChunks = database.prepare<[number], MetricChunk>(
    'SELECT * FROM metricChunks WHERE seriesKey = ? ORDER BY level, ordinal',
  );
  return database
    .prepare<[string], SeriesRow>('SELECT * FROM metricSeries WHERE runId = ? ORDER BY name')
    .all(runId)
    .flatMap((series) => {
      // Checksums cover the run's id, which is another in each store.
      const { seriesKey, runId: _runId, checksum: _checksum, ...row } = series;
      return listChunks.all(seriesKey).map((chunk) => {
        const { level, ordinal, entryCount, firstStep, lastStep, payload } = chunk;
        const intact = isRowIntact(series) && isChunkIntact(series, chunk);
        return {
          ...row,
          level,
          ordinal,
          entryCount,
          chunkSteps: [firstStep, lastStep],
          hex: payload.toString('hex'),
          intact,
        };
      });
    });
}

/** Adds points in portions of `size`, each flushed. */
function write({ metrics }: TestStores, runId: string, series: string, all: SeriesPoints, size: number): void {
  for (let start = 0; start < all.steps.length; start += size) {
    const end = start + size;
    metrics.append(runId, { [series]: { steps: all.steps.slice(start, end), values: all.values.slice(start, end) } });
    metrics.flush();
  }
}

it('gives back every point, also before they are flushed', () => {
  const { metrics, first, second } = createStores();
  const expected = points(1, 5000);
  metrics.append(first, { [loss]: points(1, 700), [accuracy]: points(100, 700, 100) });
  expect(metrics.read(first, loss)).toEqual(points(1, 700));
  metrics.append(first, { [loss]: points(701, 5000) });
  expect(metrics.read(first, loss)).toEqual(expected);
  expect(metrics.list(first)).toEqual([
    { series: loss, count: 5000, firstStep: 1, lastStep: 5000, lastValue: expected.values.at(-1) },
    { series: accuracy, count: 7, firstStep: 100, lastStep: 700, lastValue: points(700, 700).values[0] },
  ]);
  expect(metrics.list(second)).toEqual([]);
  expect(metrics.read(second, loss).steps).toHaveLength(0);
});

it('keeps steps that are not evenly spaced, and NaN and infinite values', () => {
  const { metrics, first } = createStores();
  const odd = { steps: Float64Array.of(0, 1, 10, 11, 4000), values: Float64Array.of(1, NaN, Infinity, -Infinity, NaN) };
  metrics.append(first, { [loss]: odd });
  expect(metrics.read(first, loss)).toEqual(odd);
  expect(metrics.list(first)[0]?.lastValue).toBeNaN();
  expect(metrics.readBuckets(first, loss, 2)).toMatchObject({
    pointsPerBucket: 4,
    mean: Float64Array.of(1, NaN),
    nonFiniteCounts: Float64Array.of(3, 1),
  });
});

it('stores the same bytes however points are cut into flushes', () => {
  const all = points(1, 9000);
  const expected = createStores();
  write(expected, expected.first, loss, all, 9000);
  for (const size of [997, 64, 2048]) {
    const stores = createStores();
    write(stores, stores.first, loss, all, size);
    expect(metricRows(stores, stores.first)).toEqual(metricRows(expected, expected.first));
  }
});

it.each([1, 7, 8, 100, 1023, 1024, 1025, 8191, 8192, 8193, 20_000, 20_500])(
  'truncated after step %i and continued, is what an unbroken run would be',
  (step) => {
    const unbroken = createStores();
    write(unbroken, unbroken.first, loss, points(1, step), 3000);
    const resumed = createStores();
    write(resumed, resumed.first, loss, points(1, 20_500), 3000);
    resumed.metrics.append(resumed.first, { [accuracy]: points(20_500, 20_500) });
    resumed.metrics.truncateAfter(resumed.first, step);
    if (step < 20_500) expect(metricRows(resumed, resumed.first)).toEqual(metricRows(unbroken, unbroken.first));
    expect(resumed.runs.get(resumed.first)?.metricsRevision).toBe(step < 20_500 ? 1 : 0);

    write(unbroken, unbroken.first, loss, points(step + 1, step + 1500), 700);
    write(resumed, resumed.first, loss, points(step + 1, step + 1500), 700);
    resumed.metrics.truncateAfter(resumed.first, step + 1500);
    const lossRows = (rows: unknown[]): unknown[] => rows.filter((row) => (row as { name: string }).name === loss);
    expect(lossRows(metricRows(resumed, resumed.first))).toEqual(metricRows(unbroken, unbroken.first));
  },
);

it('forgets a series whose points are all discarded', () => {
  const stores = createStores();
  const { metrics, first, database } = stores;
  metrics.append(first, { [loss]: points(1, 30), [accuracy]: points(20, 30, 10) });
  metrics.truncateAfter(first, 10);
  expect(metrics.list(first).map(({ series, count }) => [series, count])).toEqual([[loss, 10]]);
  metrics.truncateAfter(first, 0);
  expect(metrics.list(first)).toEqual([]);
  expect(database.prepare('SELECT count(*) FROM metricChunks').pluck().get()).toBe(0);
  metrics.append(first, { [accuracy]: points(5, 5) });
  expect(metrics.read(first, accuracy)).toEqual(points(5, 5));
});

it.each([1, 5, 100, 1000, 1024, 8195, 30_000])('reads a series of %i points in buckets of any fineness', (count) => {
  const stores = createStores();
  const all = points(3, 3 * count, 3);
  all.values[Math.floor(count / 2)] = NaN;
  write(stores, stores.first, loss, all, 4001);
  for (const maximumBuckets of [1, 2, 7, 100, 1000, 50_000]) {
    const { pointsPerBucket, missing, ...buckets } = stores.metrics.readBuckets(stores.first, loss, maximumBuckets);
    expect(missing).toEqual([]);
    expect(buckets.counts.length).toBeLessThanOrEqual(maximumBuckets);
    if (pointsPerBucket > 1) expect(2 * buckets.counts.length).toBeGreaterThanOrEqual(maximumBuckets);
    const { mean, ...expected } = downsample(all, pointsPerBucket);
    expect({ ...buckets, mean: null }).toEqual({ ...expected, mean: null });
    for (const [index, value] of mean.entries()) {
      const difference = Number.isNaN(value) ? 0 : Math.abs(value - (buckets.mean[index] ?? NaN));
      expect(difference).toBeLessThan(1e-12);
    }
  }
});

it.each([4, 64, 500, 6000])('extends a curve of up to %i buckets from any step as if it were read anew', (maximum) => {
  const stores = createStores();
  write(stores, stores.first, loss, points(1, 5243), 1000);
  const whole = stores.metrics.readBuckets(stores.first, loss, maximum);
  for (const afterStep of [0, 1, 7, 1024, 4095, 4096, 5000, 5239, 5240, 5242, 5243, 9999]) {
    const rest = stores.metrics.readBuckets(stores.first, loss, maximum, afterStep);
    const start = whole.lastSteps.filter((lastStep) => lastStep <= afterStep).length;
    expect(rest).toEqual({
      pointsPerBucket: whole.pointsPerBucket,
      missing: [],
      firstSteps: whole.firstSteps.slice(start),
      lastSteps: whole.lastSteps.slice(start),
      minimum: whole.minimum.slice(start),
      maximum: whole.maximum.slice(start),
      mean: whole.mean.slice(start),
      counts: whole.counts.slice(start),
      nonFiniteCounts: whole.nonFiniteCounts.slice(start),
    });
  }
});

it('refuses steps that do not ascend and takes nothing of that portion', () => {
  const { metrics, first } = createStores();
  metrics.append(first, { [loss]: points(1, 10) });
  for (const wrong of [points(10, 12), { steps: Float64Array.of(11, 11), values: Float64Array.of(0, 0) }]) {
    const portion = { [accuracy]: points(1, 2), [loss]: wrong };
    expect(labErrorOf(() => metrics.append(first, portion)).code).toBe('invalidArgument');
  }
  const fraction = { steps: Float64Array.of(10.5), values: Float64Array.of(1) };
  const uneven = { steps: Float64Array.of(11, 12), values: Float64Array.of(1) };
  expect(labErrorOf(() => metrics.append(first, { [loss]: fraction })).code).toBe('invalidArgument');
  expect(labErrorOf(() => metrics.append(first, { [loss]: uneven })).code).toBe('invalidArgument');
  expect(metrics.list(first)).toMatchObject([{ series: loss, count: 10 }]);
  expect(labErrorOf(() => metrics.append('absent', { [loss]: points(1, 2) })).code).toBe('notFound');
  expect(labErrorOf(() => metrics.readBuckets(first, loss, 0)).code).toBe('invalidArgument');
});

it('goes on behind the points of an earlier session', () => {
  const { database, metrics, first, ...stores } = createStores();
  write({ database, metrics, first, ...stores }, first, loss, points(1, 1500), 1500);
  metrics.forget(first);
  expect(labErrorOf(() => metrics.append(first, { [loss]: points(1500, 1510) })).code).toBe('invalidArgument');
  metrics.append(first, { [loss]: points(1501, 1510) });
  expect(metrics.read(first, loss)).toEqual(points(1, 1510));
});

it('reports damage of the series it hit, and of no other', () => {
  const stores = createStores();
  const { database, metrics, first } = stores;
  write(stores, first, loss, points(1, 3000), 3000);
  write(stores, first, accuracy, points(1, 3000), 3000);
  write(stores, stores.second, loss, points(1, 3000), 3000);
  const chunk = database
    .prepare<[string, string], { rowid: number; payload: Buffer }>(
      `SELECT c.rowid, payload FROM metricChunks c JOIN metricSeries USING (seriesKey)
       WHERE runId = ? AND name = ? AND level = 0 AND ordinal = 2`,
    )
    .get(first, loss);
  if (!chunk) throw new Error('There are three chunks.');
  chunk.payload[100] = (chunk.payload[100] ?? 0) ^ 4;
  database.prepare('UPDATE metricChunks SET payload = ? WHERE rowid = ?').run(chunk.payload, chunk.rowid);

  const error = labErrorOf(() => metrics.read(first, loss));
  expect(error.code).toBe('labDamaged');
  expect(error.message).toContain(`series ${loss} of run ${first}`);
  expect(metrics.read(first, accuracy)).toEqual(points(1, 3000));
  expect(metrics.read(stores.second, loss)).toEqual(points(1, 3000));

  // What can be read is read, and what is missing is named.
  const missing = [{ firstStep: 2049, lastStep: 3000, pointCount: 952 }];
  expect(metrics.readReadable(first, loss)).toEqual({ ...points(1, 2048), missing });
  const curve = metrics.readBuckets(first, loss, 5000, 2046);
  expect(curve).toMatchObject({ pointsPerBucket: 1, missing });
  expect(curve.mean.slice(0, 3)).toEqual(Float64Array.of(...points(2047, 2048).values, NaN));
  expect(curve.lastSteps).toEqual(points(2047, 3000).steps);
  expect([...curve.nonFiniteCounts]).toEqual([0, 0, ...new Array<number>(952).fill(1)]);
  expect(metrics.readReadable(first, accuracy)).toEqual({ ...points(1, 3000), missing: [] });

  // Writing goes on.
  metrics.append(first, { [loss]: points(3001, 3010), [accuracy]: points(3001, 3010) });
  metrics.flush();
  expect(metrics.readReadable(first, loss).missing).toEqual(missing);
  expect(metrics.readReadable(first, loss).steps.at(-1)).toBe(3010);
  expect(metrics.read(first, accuracy)).toEqual(points(1, 3010));
  // Discarding the damaged part heals the series.
  metrics.truncateAfter(first, 2048);
  expect(metrics.read(first, loss)).toEqual(points(1, 2048));

  database.prepare('DELETE FROM metricChunks WHERE level = 0 AND ordinal = 0').run();
  expect(labErrorOf(() => metrics.read(first, loss)).code).toBe('labDamaged');
  expect(metrics.readReadable(first, loss)).toEqual({
    ...points(1025, 2048),
    missing: [{ firstStep: 1, lastStep: 1024, pointCount: 1024 }],
  });
  // Of what no page tells any more how many there were, nothing is said to be whole.
  database.prepare('UPDATE metricSeries SET pointCount = 1024 WHERE runId = ?').run(first);
  for (const read of ['read', 'readReadable'] as const) {
    expect(labErrorOf(() => metrics[read](first, loss)).code).toBe('labDamaged');
  }
  expect(labErrorOf(() => metrics.readBuckets(first, loss, 10)).code).toBe('labDamaged');
});

it('makes damaged levels anew from the points', () => {
  const expected = createStores();
  write(expected, expected.first, loss, points(1, 20_000), 20_000);
  const rows = metricRows(expected, expected.first);
  for (const damage of [
    'UPDATE metricChunks SET checksum = checksum + 1 WHERE level = 2',
    'UPDATE metricChunks SET entryCount = 3 WHERE level = 3',
    'DELETE FROM metricChunks WHERE level = 1 AND ordinal > 3',
  ]) {
    const buckets = expected.metrics.readBuckets(expected.first, loss, 100);
    expected.database.exec(damage);
    for (const maximum of [100, 1000, 10_000]) expected.metrics.readBuckets(expected.first, loss, maximum);
    expect(expected.metrics.readBuckets(expected.first, loss, 100)).toEqual(buckets);
    for (const maximum of [30, 300, 3000]) expected.metrics.readBuckets(expected.first, loss, maximum);
    expect(metricRows(expected, expected.first)).toEqual(rows);
  }
  const stores = createStores();
  write(stores, stores.first, loss, points(1, 19_990), 19_990);
  stores.database.exec('UPDATE metricChunks SET checksum = checksum + 1 WHERE level > 0');
  write(stores, stores.first, loss, points(19_991, 20_000), 10);
  expect(metricRows(stores, stores.first)).toEqual(rows);
});

it('keeps what it could not write on a full disk, and writes it when there is space', () => {
  const { database, metrics, first } = createStores();
  metrics.append(first, { [loss]: points(1, 10) });
  metrics.flush();
  const pageCount = Number(database.pragma('page_count', { simple: true }));
  database.pragma(`max_page_count = ${pageCount}`);
  metrics.append(first, { [loss]: points(11, 9000) });
  expect(() => metrics.flush()).toThrow('full');
  expect(metrics.list(first)).toMatchObject([{ count: 10 }]);
  expect(metrics.read(first, loss)).toEqual(points(1, 10));
  database.pragma('max_page_count = 1000000');
  metrics.flush();
  expect(metrics.read(first, loss)).toEqual(points(1, 9000));
});

it.each([
  { what: 'damaged', sql: 'UPDATE metricChunks SET checksum = checksum + 1 WHERE level = 0 AND ordinal = ?' },
  { what: 'absent', sql: 'DELETE FROM metricChunks WHERE ordinal = ?' },
])('goes on behind points that are $what, which stay a hole with a name', ({ sql }) => {
  const { metrics, database, first, second } = createStores();
  const addSteps = (from: number, to: number, run = first): void => {
    metrics.append(run, { [loss]: points(from, to) });
    metrics.flush(run);
  };
  const readable = (): unknown[] => {
    const { steps, missing } = metrics.readReadable(first, loss);
    return [steps.length, steps[0], steps.at(-1), missing];
  };
  addSteps(1, 1100);
  addSteps(1, 10, second);
  const loseOpenChunk = { firstStep: 1025, lastStep: 1100, pointCount: 76 };
  database.prepare(sql).run(1);
  addSteps(1101, 1200);
  expect(readable()).toEqual([1124, 1, 1200, [loseOpenChunk]]);
  // In many portions, over the end of a chunk.
  for (let step = 1201; step <= 3000; step += 50) addSteps(step, step + 49);
  expect(readable()).toEqual([2924, 1, 3000, [loseOpenChunk]]);
  expect(metrics.readReadable(first, loss).values.at(-1)).toBe(points(3000, 3000).values[0]);
  const buckets = metrics.readBuckets(first, loss, 4000);
  expect([buckets.missing, buckets.lastSteps.at(-1)]).toEqual([[loseOpenChunk], 3000]);
  expect(labErrorOf(() => metrics.read(first, loss)).code).toBe('labDamaged');
  // Back to a checkpoint behind the hole, within it, and before it; and on from there.
  metrics.truncateAfter(first, 1150);
  expect(readable()).toEqual([1074, 1, 1150, [loseOpenChunk]]);
  addSteps(1151, 1160);
  metrics.truncateAfter(first, 1050);
  addSteps(1051, 1060);
  expect(readable()).toEqual([1034, 1, 1060, [{ firstStep: 1025, lastStep: 1050, pointCount: 26 }]]);
  metrics.truncateAfter(first, 500);
  addSteps(501, 1300);
  expect(readable()).toEqual([1300, 1, 1300, []]);
  expect(metrics.read(first, loss)).toEqual(points(1, 1300));
  expect(metrics.read(second, loss)).toEqual(points(1, 10));
});

it('goes on behind a hole that is all there was, also from within it', () => {
  const { metrics, database, first } = createStores();
  metrics.append(first, { [loss]: points(1, 100) });
  metrics.flush();
  database.prepare('UPDATE metricChunks SET checksum = checksum + 1').run();
  metrics.truncateAfter(first, 80);
  metrics.append(first, { [loss]: points(81, 120) });
  metrics.flush();
  const { steps, missing } = metrics.readReadable(first, loss);
  expect([[...steps], missing]).toEqual([
    Array.from({ length: 40 }, (_, index) => 81 + index),
    [{ firstStep: 1, lastStep: 80, pointCount: 80 }],
  ]);
});

it('writes one run where another cannot be written', () => {
  const { metrics, database, first, second } = createStores();
  for (const run of [first, second]) metrics.append(run, { [loss]: points(1, 10) });
  metrics.flush();
  for (const run of [first, second]) metrics.append(run, { [loss]: points(11, 20) });
  database.prepare('UPDATE metricSeries SET checksum = checksum + 1 WHERE runId = ?').run(first);
  metrics.flush(second);
  expect(labErrorOf(() => metrics.flush(first)).code).toBe('labDamaged');
  expect(metrics.read(second, loss)).toEqual(points(1, 20));
});
