import type { SeriesPoints } from '#shared/domain/metric.ts';
import {
  bucketsOfPoints,
  concatenateBuckets,
  mergeBuckets,
  sliceBuckets,
  type Buckets,
} from '#shared/statistics/downsample.ts';
import { bucketSize, bucketsPerChunk, decodePoints, levelFactor, pointsPerChunk } from './metricChunk.ts';
import {
  concatenatePoints,
  entryCountOf,
  type MetricTables,
  type ReadablePoints,
  type SeriesRow,
} from './metricTables.ts';

/**
 * Levels hold full buckets only, each made from eight entries of the level below: they depend on the
 * points alone, never on how these were cut into writes. What is behind the last full bucket is read
 * from the levels below it.
 */

/** Adds points behind those of a series. @throws DamagedChunkError where an open chunk is damaged. */
export function appendPoints(tables: MetricTables, series: SeriesRow, points: SeriesPoints): void {
  const openCount = series.pointCount % pointsPerChunk;
  const startIndex = series.pointCount - openCount;
  const written = concatenatePoints([tables.readOpenPoints(series), points]);
  tables.putPoints(series, startIndex, written);
  const lastStep = points.steps.at(-1) ?? series.lastStep;
  const pointCount = series.pointCount + points.values.length;
  tables.updateSeries(series, pointCount, lastStep, points.values.at(-1) ?? 0);
  const firstOfBucket = openCount - (openCount % levelFactor);
  extendLevels(tables, series, pointCount, {
    steps: written.steps.subarray(firstOfBucket),
    values: written.values.subarray(firstOfBucket),
  });
}

/** Makes the buckets that got full; `points` start at the first point of the first open bucket. */
function extendLevels(tables: MetricTables, series: SeriesRow, newPointCount: number, points: SeriesPoints): void {
  let lower = bucketsOfPoints(points);
  let lowerStart = entryCountOf(series.pointCount, 1) * levelFactor;
  for (let level = 1; ; level += 1) {
    const oldCount = entryCountOf(series.pointCount, level);
    const newCount = entryCountOf(newPointCount, level);
    if (newCount === oldCount) return;
    const parts = sliceBuckets(lower, oldCount * levelFactor - lowerStart, newCount * levelFactor - lowerStart);
    const startIndex = oldCount - (oldCount % bucketsPerChunk);
    lower = concatenateBuckets([tables.readOpenBuckets(series, level), mergeBuckets(parts, levelFactor)]);
    lowerStart = startIndex;
    for (let start = 0; start < lower.counts.length; start += bucketsPerChunk) {
      const chunk = sliceBuckets(lower, start, start + bucketsPerChunk);
      tables.putBuckets(series, level, (startIndex + start) / bucketsPerChunk, chunk);
    }
  }
}

/** Makes all levels anew from the points. @throws DamagedChunkError where these are damaged. */
export function rebuildLevels(tables: MetricTables, series: SeriesRow): void {
  const points = tables.readPoints(series, -1);
  tables.deleteLevels(series.seriesKey, 1);
  extendLevels(tables, { ...series, pointCount: 0 }, series.pointCount, points);
}

/**
 * Discards the points above a step, so that all rows are as if they had never been.
 * @returns False where there were none.
 */
export function truncatePoints(tables: MetricTables, series: SeriesRow, step: number): boolean {
  if (series.lastStep <= step) return false;
  const found = tables.findChunkOfStep(series, step);
  if (!found) {
    tables.deleteSeries(series.seriesKey);
    return true;
  }
  const [chunk, chunkCount] = found;
  const { steps, values } = decodePoints(series, chunk, chunkCount);
  const keptInChunk = steps.findLastIndex((pointStep) => pointStep <= step) + 1;
  const kept = { steps: steps.subarray(0, keptInChunk), values: values.subarray(0, keptInChunk) };
  const start = chunk.ordinal * pointsPerChunk;
  const pointCount = start + keptInChunk;

  tables.deleteChunks(series.seriesKey, 0, chunk.ordinal + 1);
  tables.putPoints(series, start, kept);
  tables.updateSeries(series, pointCount, kept.steps.at(-1) ?? 0, kept.values.at(-1) ?? 0);
  truncateLevels(tables, series, pointCount);
  return true;
}

/**
 * As `appendPoints`, for a series of which something cannot be read: what is lost stays a hole, and where that is the
 * open chunk, the points begin the next one. There are no levels then; reading makes buckets of the points.
 */
export function appendBehindHole(tables: MetricTables, series: SeriesRow, points: SeriesPoints): void {
  const ordinal = Math.floor(series.pointCount / pointsPerChunk);
  const isOpen = series.pointCount % pointsPerChunk > 0;
  const open = isOpen ? tables.tryReadChunk(series, ordinal) : null;
  const startIndex = (isOpen && open === null ? ordinal + 1 : ordinal) * pointsPerChunk;
  const written = open === null ? points : concatenatePoints([open, points]);
  tables.deleteChunks(series.seriesKey, 0, ordinal);
  tables.deleteLevels(series.seriesKey, 1);
  tables.putPoints(series, startIndex, written);
  const lastStep = points.steps.at(-1) ?? series.lastStep;
  tables.updateSeries(series, startIndex + written.values.length, lastStep, points.values.at(-1) ?? 0);
}

/** As `truncatePoints`, for a series of which something cannot be read: a hole up to the step stays one. */
export function truncateAroundHole(tables: MetricTables, series: SeriesRow, step: number): boolean {
  if (series.lastStep <= step) return false;
  let pointCount = 0;
  let last = { step: series.firstStep, value: Number.NaN };
  let before = series.firstStep - 1;
  tables.deleteLevels(series.seriesKey, 1);
  for (let ordinal = 0; ordinal * pointsPerChunk < series.pointCount && before < step; ordinal += 1) {
    const points = tables.tryReadChunk(series, ordinal);
    if (points === null) {
      // Its steps are not known: those up to the next chunk that can be read.
      pointCount = Math.min((ordinal + 1) * pointsPerChunk, series.pointCount);
      last = { step: Math.min(step, series.lastStep), value: Number.NaN };
      continue;
    }
    const kept = points.steps.findLastIndex((pointStep) => pointStep <= step) + 1;
    if (kept < points.steps.length) {
      if (kept > 0) {
        const part = { steps: points.steps.subarray(0, kept), values: points.values.subarray(0, kept) };
        tables.putPoints(series, ordinal * pointsPerChunk, part);
      }
      before = step;
    } else before = points.steps.at(-1) ?? before;
    if (kept === 0) continue;
    pointCount = ordinal * pointsPerChunk + kept;
    last = { step: points.steps[kept - 1] ?? 0, value: points.values[kept - 1] ?? 0 };
  }
  if (pointCount === 0) {
    tables.deleteSeries(series.seriesKey);
    return true;
  }
  tables.deleteChunks(series.seriesKey, 0, Math.ceil(pointCount / pointsPerChunk));
  tables.updateSeries(series, pointCount, last.step, last.value);
  return true;
}

function truncateLevels(tables: MetricTables, series: SeriesRow, pointCount: number): void {
  let level = 1;
  for (; entryCountOf(pointCount, level) > 0; level += 1) {
    const oldCount = entryCountOf(series.pointCount, level);
    const newCount = entryCountOf(pointCount, level);
    if (newCount === oldCount) continue;
    const ordinal = Math.floor(newCount / bucketsPerChunk);
    const open = newCount % bucketsPerChunk;
    if (open > 0) {
      const chunk = tables.readChunkOfBuckets(series, level, ordinal);
      tables.putBuckets(series, level, ordinal, sliceBuckets(chunk, 0, open));
    }
    tables.deleteChunks(series.seriesKey, level, open > 0 ? ordinal + 1 : ordinal);
  }
  tables.deleteLevels(series.seriesKey, level);
}

/** The smallest power of two that covers so many points with so many buckets. */
export function pointsPerBucketFor(pointCount: number, maximumBuckets: number): number {
  let size = 1;
  while (Math.ceil(pointCount / size) > maximumBuckets) size *= 2;
  return size;
}

/** Buckets of `pointsPerBucket` (a power of two) points, from the coarsest level that gives them. */
export function readSeriesBuckets(
  tables: MetricTables,
  series: SeriesRow,
  pointsPerBucket: number,
  afterStep: number,
): Buckets {
  let level = 0;
  while (bucketSize(level + 1) <= pointsPerBucket) level += 1;
  const fine =
    level === 0
      ? bucketsOfPoints(tables.readPoints(series, afterStep))
      : concatenateBuckets([tables.readBuckets(series, level, afterStep), readRest(tables, series, level)]);
  // Chunks hold a whole number of groups, so groups are the same wherever reading starts.
  const buckets = mergeBuckets(fine, pointsPerBucket / bucketSize(level));
  const first = buckets.lastSteps.findIndex((lastStep) => lastStep > afterStep);
  return first === 0 ? buckets : sliceBuckets(buckets, first < 0 ? buckets.counts.length : first);
}

/** As `readSeriesBuckets`, of what can be read: where points are missing they count as not finite. */
export function readReadableBuckets(
  { points, holes }: ReadablePoints,
  pointsPerBucket: number,
  afterStep: number,
): Buckets {
  const parts: SeriesPoints[] = [];
  let read = 0;
  let index = 0;
  for (const hole of holes) {
    const length = hole.index - index;
    parts.push({
      steps: points.steps.subarray(read, read + length),
      values: points.values.subarray(read, read + length),
    });
    read += length;
    const span = (hole.lastStep - hole.firstStep) / Math.max(1, hole.pointCount - 1);
    const steps = Float64Array.from({ length: hole.pointCount }, (_, at) => Math.round(hole.firstStep + at * span));
    parts.push({ steps, values: new Float64Array(hole.pointCount).fill(Number.NaN) });
    index = hole.index + hole.pointCount;
  }
  parts.push({ steps: points.steps.subarray(read), values: points.values.subarray(read) });
  const buckets = mergeBuckets(bucketsOfPoints(concatenatePoints(parts)), pointsPerBucket);
  const first = buckets.lastSteps.findIndex((lastStep) => lastStep > afterStep);
  return sliceBuckets(buckets, first < 0 ? buckets.counts.length : first);
}

/** What is behind the last full bucket of a level, as one bucket or none. */
function readRest(tables: MetricTables, series: SeriesRow, level: number): Buckets {
  const parts: Buckets[] = [];
  for (let lower = level - 1; lower >= 0; lower -= 1) {
    const count = entryCountOf(series.pointCount, lower) % levelFactor;
    if (count === 0) continue;
    const open = lower === 0 ? bucketsOfPoints(tables.readOpenPoints(series)) : tables.readOpenBuckets(series, lower);
    parts.push(sliceBuckets(open, open.counts.length - count));
  }
  const rest = concatenateBuckets(parts);
  return rest.counts.length === 0 ? rest : mergeBuckets(rest, rest.counts.length);
}
