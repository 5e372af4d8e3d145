import type { Database } from 'better-sqlite3';
import type { SeriesPoints } from '#shared/domain/metric.ts';
import { concatenateBuckets, createBuckets, type Buckets } from '#shared/statistics/downsample.ts';
import {
  DamagedChunkError,
  bucketSize,
  bucketsPerChunk,
  decodeBuckets,
  decodePoints,
  encodeBuckets,
  encodePoints,
  entriesPerChunk,
  pointsPerChunk,
  type MetricChunk,
} from './metricChunk.ts';

/** A row of `metricSeries`. */
export interface SeriesRow {
  seriesKey: number;
  runId: string;
  name: string;
  pointCount: number;
  firstStep: number;
  lastStep: number;
  /** Null stands for NaN. */
  lastValue: number | null;
}

/** Every statement on the metric tables; a test looks at their query plans. */
export const metricSql = {
  findSeries: 'SELECT * FROM metricSeries WHERE runId = ? AND name = ?',
  listSeries: 'SELECT * FROM metricSeries WHERE runId = ? ORDER BY name',
  insertSeries:
    'INSERT INTO metricSeries (runId, name, pointCount, firstStep, lastStep, lastValue) VALUES (?, ?, ?, ?, ?, ?)',
  updateSeries: 'UPDATE metricSeries SET pointCount = ?, lastStep = ?, lastValue = ? WHERE seriesKey = ?',
  deleteSeries: 'DELETE FROM metricSeries WHERE seriesKey = ?',
  findChunk: 'SELECT * FROM metricChunks WHERE seriesKey = ? AND level = ? AND ordinal = ?',
  // The last chunk always: it may hold the beginning of a bucket that later points belong to.
  listChunks: `SELECT * FROM metricChunks
    WHERE seriesKey = ? AND level = ? AND (lastStep > ? OR ordinal = ?) ORDER BY ordinal`,
  findChunkOfStep: `SELECT * FROM metricChunks
    WHERE seriesKey = ? AND level = 0 AND firstStep <= ? ORDER BY ordinal DESC LIMIT 1`,
  putChunk: `INSERT INTO metricChunks (seriesKey, level, ordinal, entryCount, firstStep, lastStep, payload, checksum)
    VALUES (@seriesKey, @level, @ordinal, @entryCount, @firstStep, @lastStep, @payload, @checksum)
    ON CONFLICT (seriesKey, level, ordinal) DO UPDATE SET entryCount = excluded.entryCount, firstStep = excluded.firstStep,
      lastStep = excluded.lastStep, payload = excluded.payload, checksum = excluded.checksum`,
  deleteChunks: 'DELETE FROM metricChunks WHERE seriesKey = ? AND level = ? AND ordinal >= ?',
  deleteLevels: 'DELETE FROM metricChunks WHERE seriesKey = ? AND level >= ?',
} as const;

/** Full buckets (points at level 0) that a series of so many points has at a level. */
export function entryCountOf(pointCount: number, level: number): number {
  return Math.floor(pointCount / bucketSize(level));
}

/** Points one after the other. */
export function concatenatePoints(parts: readonly SeriesPoints[]): SeriesPoints {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const length = parts.reduce((sum, part) => sum + part.values.length, 0);
  const result = { steps: new Float64Array(length), values: new Float64Array(length) };
  let offset = 0;
  for (const part of parts) {
    result.steps.set(part.steps, offset);
    result.values.set(part.values, offset);
    offset += part.values.length;
  }
  return result;
}

export type MetricTables = ReturnType<typeof prepareMetricTables>;

/** Typed access to the rows of series and chunks; every chunk that is read is checked. */
export function prepareMetricTables(database: Database) {
  const findSeries = database.prepare<[string, string], SeriesRow>(metricSql.findSeries);
  const listSeries = database.prepare<[string], SeriesRow>(metricSql.listSeries);
  const insertSeries = database.prepare<[string, string, number, number, number, number]>(metricSql.insertSeries);
  const updateSeries = database.prepare<[number, number, number, number]>(metricSql.updateSeries);
  const deleteSeries = database.prepare<[number]>(metricSql.deleteSeries);
  const findChunk = database.prepare<[number, number, number], MetricChunk>(metricSql.findChunk);
  const listChunks = database.prepare<[number, number, number, number], MetricChunk>(metricSql.listChunks);
  const findChunkOfStep = database.prepare<[number, number], MetricChunk>(metricSql.findChunkOfStep);
  const putChunk = database.prepare<[MetricChunk & { seriesKey: number }]>(metricSql.putChunk);
  const deleteChunks = database.prepare<[number, number, number]>(metricSql.deleteChunks);
  const deleteLevels = database.prepare<[number, number]>(metricSql.deleteLevels);

  /** Chunks of a level that reach beyond a step, and the last in any case; whole and in order. */
  function chunksAfter(series: SeriesRow, level: number, afterStep: number): [chunk: MetricChunk, count: number][] {
    const size = entriesPerChunk(level);
    const entryCount = entryCountOf(series.pointCount, level);
    const lastOrdinal = Math.ceil(entryCount / size) - 1;
    const chunks = listChunks.all(series.seriesKey, level, afterStep, lastOrdinal);
    const firstOrdinal = afterStep < series.firstStep ? 0 : lastOrdinal - chunks.length + 1;
    for (let ordinal = firstOrdinal; ordinal <= lastOrdinal; ordinal += 1) {
      if (chunks[ordinal - firstOrdinal]?.ordinal !== ordinal) {
        throw new DamagedChunkError(level, ordinal, 'is absent');
      }
    }
    return chunks.map((chunk) => [chunk, Math.min(size, entryCount - chunk.ordinal * size)]);
  }

  function chunkAt(series: SeriesRow, level: number, ordinal: number): MetricChunk {
    const chunk = findChunk.get(series.seriesKey, level, ordinal);
    if (!chunk) throw new DamagedChunkError(level, ordinal, 'is absent');
    return chunk;
  }

  /** The full buckets of one chunk. */
  function readChunkOfBuckets(series: SeriesRow, level: number, ordinal: number): Buckets {
    const count = entryCountOf(series.pointCount, level) - ordinal * bucketsPerChunk;
    return decodeBuckets(chunkAt(series, level, ordinal), Math.min(bucketsPerChunk, count));
  }

  return {
    findSeries: (runId: string, name: string): SeriesRow | undefined => findSeries.get(runId, name),
    listSeries: (runId: string): SeriesRow[] => listSeries.all(runId),
    /** Makes the row of a series that has no points yet. */
    insertSeries(runId: string, name: string, firstStep: number): SeriesRow {
      const { lastInsertRowid } = insertSeries.run(runId, name, 0, firstStep, firstStep, 0);
      const seriesKey = Number(lastInsertRowid);
      return { seriesKey, runId, name, pointCount: 0, firstStep, lastStep: firstStep, lastValue: 0 };
    },
    updateSeries(seriesKey: number, pointCount: number, lastStep: number, lastValue: number): void {
      updateSeries.run(pointCount, lastStep, lastValue, seriesKey);
    },
    deleteSeries(seriesKey: number): void {
      deleteSeries.run(seriesKey);
    },

    /** Points from the first chunk that reaches beyond a step. */
    readPoints: (series: SeriesRow, afterStep: number): SeriesPoints =>
      concatenatePoints(chunksAfter(series, 0, afterStep).map(([chunk, count]) => decodePoints(chunk, count))),
    /** Full buckets of a level from the first chunk that reaches beyond a step. */
    readBuckets: (series: SeriesRow, level: number, afterStep: number): Buckets =>
      concatenateBuckets(chunksAfter(series, level, afterStep).map(([chunk, count]) => decodeBuckets(chunk, count))),
    /** Points behind the last full chunk. */
    readOpenPoints(series: SeriesRow): SeriesPoints {
      const count = series.pointCount % pointsPerChunk;
      if (count === 0) return { steps: new Float64Array(0), values: new Float64Array(0) };
      return decodePoints(chunkAt(series, 0, Math.floor(series.pointCount / pointsPerChunk)), count);
    },
    /** Full buckets behind the last full chunk of a level. */
    readOpenBuckets(series: SeriesRow, level: number): Buckets {
      const entryCount = entryCountOf(series.pointCount, level);
      if (entryCount % bucketsPerChunk === 0) return createBuckets(0);
      return readChunkOfBuckets(series, level, Math.floor(entryCount / bucketsPerChunk));
    },
    readChunkOfBuckets,
    /** The chunk of points that holds a step or ends before it, with how many points it should have. */
    findChunkOfStep(series: SeriesRow, step: number): [chunk: MetricChunk, count: number] | null {
      const chunk = findChunkOfStep.get(series.seriesKey, step);
      return chunk ? [chunk, Math.min(pointsPerChunk, series.pointCount - chunk.ordinal * pointsPerChunk)] : null;
    },

    /** Writes points from `startIndex`, the first of a chunk. */
    putPoints(seriesKey: number, startIndex: number, { steps, values }: SeriesPoints): void {
      for (let start = 0; start < values.length; start += pointsPerChunk) {
        const end = start + pointsPerChunk;
        const points = { steps: steps.subarray(start, end), values: values.subarray(start, end) };
        putChunk.run({ seriesKey, ...encodePoints((startIndex + start) / pointsPerChunk, points) });
      }
    },
    putBuckets(seriesKey: number, level: number, ordinal: number, buckets: Buckets): void {
      putChunk.run({ seriesKey, ...encodeBuckets(level, ordinal, buckets) });
    },
    deleteChunks(seriesKey: number, level: number, fromOrdinal: number): void {
      deleteChunks.run(seriesKey, level, fromOrdinal);
    },
    deleteLevels(seriesKey: number, fromLevel: number): void {
      deleteLevels.run(seriesKey, fromLevel);
    },
  };
}
