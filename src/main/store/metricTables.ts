import type { Database } from 'better-sqlite3';
import type { MissingSteps, SeriesPoints } from '#shared/domain/metric.ts';
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
import { isRowIntact, sealRow } from './rowChecksum.ts';
import { isDamaged } from './storeErrors.ts';

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
  checksum: number;
}

/** Every statement on the metric tables; a test looks at their query plans. */
export const metricSql = {
  findSeries: 'SELECT * FROM metricSeries WHERE runId = ? AND name = ?',
  listSeries: 'SELECT * FROM metricSeries WHERE runId = ? ORDER BY name',
  insertSeries: `INSERT INTO metricSeries (runId, name, pointCount, firstStep, lastStep, lastValue, checksum)
    VALUES (@runId, @name, @pointCount, @firstStep, @lastStep, @lastValue, @checksum)`,
  updateSeries: `UPDATE metricSeries SET pointCount = @pointCount, lastStep = @lastStep, lastValue = @lastValue,
    checksum = @checksum WHERE seriesKey = @seriesKey`,
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

/** Steps between which points of a series were recorded and cannot be read. */
export interface SeriesHole extends MissingSteps {
  /** Number of the first point that is missing, from 0. */
  index: number;
}

export interface ReadablePoints {
  points: SeriesPoints;
  /** In order; empty where every point could be read. */
  holes: SeriesHole[];
}

/** There is one point a step at most: a chunk that was lost before it was full counts as a full one. */
function endHole(hole: SeriesHole, lastStep: number): SeriesHole {
  return { ...hole, lastStep, pointCount: Math.min(hole.pointCount, Math.max(1, lastStep - hole.firstStep + 1)) };
}

/** What reading comes to; null where it meets damage. */
function tryReading<Result>(read: () => Result): Result | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof DamagedChunkError || isDamaged(error)) return null;
    throw error;
  }
}

export type MetricTables = ReturnType<typeof prepareMetricTables>;

/** Typed access to the rows of series and chunks; every chunk that is read is checked. */
export function prepareMetricTables(database: Database) {
  const findSeries = database.prepare<[string, string], SeriesRow>(metricSql.findSeries);
  const listSeries = database.prepare<[string], SeriesRow>(metricSql.listSeries);
  const insertSeries = database.prepare<[Omit<SeriesRow, 'seriesKey'>]>(metricSql.insertSeries);
  const updateSeries = database.prepare<[SeriesRow]>(metricSql.updateSeries);
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
    return decodeBuckets(series, chunkAt(series, level, ordinal), Math.min(bucketsPerChunk, count));
  }

  /** The points of a chunk; null where they cannot be read. */
  function tryReadChunk(series: SeriesRow, ordinal: number): SeriesPoints | null {
    const count = Math.min(pointsPerChunk, series.pointCount - ordinal * pointsPerChunk);
    return tryReading(() => decodePoints(series, chunkAt(series, 0, ordinal), count));
  }

  /** Every chunk of points that can be read, one by one, and where others were. */
  function readReadablePoints(series: SeriesRow): ReadablePoints {
    const parts: SeriesPoints[] = [];
    const holes: SeriesHole[] = [];
    let lastStep = series.firstStep - 1;
    let hole: SeriesHole | null = null;
    for (let ordinal = 0; ordinal * pointsPerChunk < series.pointCount; ordinal += 1) {
      const count = Math.min(pointsPerChunk, series.pointCount - ordinal * pointsPerChunk);
      const points = tryReadChunk(series, ordinal);
      if (points === null) {
        // A damaged chunk does not tell its steps: those between its neighbours are missing.
        hole ??= { firstStep: lastStep + 1, lastStep: series.lastStep, pointCount: 0, index: ordinal * pointsPerChunk };
        hole.pointCount += count;
        continue;
      }
      if (hole !== null) holes.push(endHole(hole, (points.steps[0] ?? 0) - 1));
      hole = null;
      parts.push(points);
      lastStep = points.steps.at(-1) ?? lastStep;
    }
    if (hole !== null) holes.push(endHole(hole, series.lastStep));
    return { points: concatenatePoints(parts), holes };
  }

  return {
    findSeries: (runId: string, name: string): SeriesRow | undefined => findSeries.get(runId, name),
    /** Those whose rows are as they were written. */
    listSeries: (runId: string): SeriesRow[] => listSeries.all(runId).filter(isRowIntact),
    /** Makes the row of a series that has no points yet. */
    insertSeries(runId: string, name: string, firstStep: number): SeriesRow {
      const row = sealRow({ runId, name, pointCount: 0, firstStep, lastStep: firstStep, lastValue: 0 });
      const { lastInsertRowid } = insertSeries.run(row);
      return { seriesKey: Number(lastInsertRowid), ...row };
    },
    updateSeries(series: SeriesRow, pointCount: number, lastStep: number, lastValue: number): void {
      // As SQLite keeps it, which has no NaN.
      const storedValue = Number.isNaN(lastValue) ? null : lastValue;
      updateSeries.run(sealRow({ ...series, pointCount, lastStep, lastValue: storedValue }));
    },
    deleteSeries(seriesKey: number): void {
      deleteSeries.run(seriesKey);
    },

    /** Points from the first chunk that reaches beyond a step. */
    readPoints: (series: SeriesRow, afterStep: number): SeriesPoints =>
      concatenatePoints(chunksAfter(series, 0, afterStep).map(([chunk, count]) => decodePoints(series, chunk, count))),
    /** Full buckets of a level from the first chunk that reaches beyond a step. */
    readBuckets: (series: SeriesRow, level: number, afterStep: number): Buckets =>
      concatenateBuckets(
        chunksAfter(series, level, afterStep).map(([chunk, count]) => decodeBuckets(series, chunk, count)),
      ),
    readReadablePoints,
    tryReadChunk,
    /** Points behind the last full chunk. */
    readOpenPoints(series: SeriesRow): SeriesPoints {
      const count = series.pointCount % pointsPerChunk;
      if (count === 0) return { steps: new Float64Array(0), values: new Float64Array(0) };
      return decodePoints(series, chunkAt(series, 0, Math.floor(series.pointCount / pointsPerChunk)), count);
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
    putPoints(series: SeriesRow, startIndex: number, { steps, values }: SeriesPoints): void {
      for (let start = 0; start < values.length; start += pointsPerChunk) {
        const end = start + pointsPerChunk;
        const points = { steps: steps.subarray(start, end), values: values.subarray(start, end) };
        putChunk.run({
          seriesKey: series.seriesKey,
          ...encodePoints(series, (startIndex + start) / pointsPerChunk, points),
        });
      }
    },
    putBuckets(series: SeriesRow, level: number, ordinal: number, buckets: Buckets): void {
      putChunk.run({ seriesKey: series.seriesKey, ...encodeBuckets(series, level, ordinal, buckets) });
    },
    deleteChunks(seriesKey: number, level: number, fromOrdinal: number): void {
      deleteChunks.run(seriesKey, level, fromOrdinal);
    },
    deleteLevels(seriesKey: number, fromLevel: number): void {
      deleteLevels.run(seriesKey, fromLevel);
    },
  };
}
