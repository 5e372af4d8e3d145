import type { Database } from 'better-sqlite3';
import type { MissingSteps, SeriesPoints } from '#shared/domain/metric.ts';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { createBuckets } from '#shared/statistics/downsample.ts';
import { durably } from './durably.ts';
import { DamagedChunkError } from './metricChunk.ts';
import {
  appendBehindHole,
  appendPoints,
  pointsPerBucketFor,
  readReadableBuckets,
  readSeriesBuckets,
  rebuildLevels,
  truncateAroundHole,
  truncatePoints,
} from './metricSeries.ts';
import { concatenatePoints, prepareMetricTables, type ReadablePoints, type SeriesRow } from './metricTables.ts';
import { isRowIntact } from './rowChecksum.ts';
import { prepareRunChange } from './runRows.ts';
import type { MetricStore } from './store.ts';
import { isDamaged } from './storeErrors.ts';

/** Points of so long may go with a power cut; they are trained again. A crash of any program takes none. */
const syncIntervalMs = 5000;

/** What is buffered for a series, and the step that new points must exceed. */
interface OpenSeries {
  lastStep: number;
  pending: SeriesPoints[];
}

export interface OwnedMetricStore extends MetricStore {
  /** Drops what is buffered for a run that is being removed. */
  forget(runId: string): void;
}

export function createMetricStore(database: Database): OwnedMetricStore {
  const tables = prepareMetricTables(database);
  const findRun = database.prepare<[string]>('SELECT 1 FROM runs WHERE id = ?');
  const findRevision = database.prepare<[string], number>('SELECT metricsRevision FROM runs WHERE id = ?').pluck();
  const findSeriesCount = database.prepare<[string], number>('SELECT seriesCount FROM runs WHERE id = ?').pluck();
  const changeRun = prepareRunChange(database);
  let syncedAtMs = Number.NEGATIVE_INFINITY;
  const openRuns = new Map<string, Map<string, OpenSeries>>();

  function openRun(runId: string): Map<string, OpenSeries> {
    let run = openRuns.get(runId);
    if (!run) {
      if (!findRun.get(runId)) throw noRun(runId);
      run = new Map(tables.listSeries(runId).map(({ name, lastStep }) => [name, { lastStep, pending: [] }]));
      openRuns.set(runId, run);
    }
    return run;
  }

  /** @throws LabError `labDamaged` where the row does not match its checksum. */
  function findSeries(runId: string, name: string): SeriesRow | undefined {
    const series = tables.findSeries(runId, name);
    if (series && !isRowIntact(series)) throw damagedSeries({ runId, name });
    if (series) return series;
    // Absent for good, or lost with a damaged page: the run says how many there are.
    const there = tables.listSeries(runId);
    const wanted = findSeriesCount.get(runId);
    if (wanted !== undefined && (wanted !== there.length || there.some((other) => other.name === name))) {
      throw damagedSeries({ runId, name });
    }
    return undefined;
  }

  function insertSeries(runId: string, name: string, firstStep: number): SeriesRow {
    changeRun(runId, ({ seriesCount }) => ({ seriesCount: seriesCount + 1 }));
    return tables.insertSeries(runId, name, firstStep);
  }

  /** Runs an action on a series in a transaction; damaged levels are made anew from the points. */
  function withRepair<Result>(series: SeriesRow, action: () => Result): Result {
    const transaction = database.transaction(action);
    try {
      return transaction();
    } catch (error) {
      if (!(error instanceof DamagedChunkError)) throw error;
      if (error.level === 0 || database.readonly) throw damagedSeries(series, error);
    }
    const repair = database.transaction(() => {
      rebuildLevels(tables, series);
      return transaction();
    });
    try {
      return repair();
    } catch (error) {
      throw error instanceof DamagedChunkError ? damagedSeries(series, error) : error;
    }
  }

  /**
   * Changes a series; where a chunk of it cannot be read, in the way that leaves a hole. A run goes on: what it adds
   * is worth more than what is lost already, which stays named.
   */
  function change<Result>(series: SeriesRow, action: () => Result, aroundHole: () => Result): Result {
    try {
      return withRepair(series, action);
    } catch (error) {
      if (!(error instanceof LabError && error.cause instanceof DamagedChunkError)) throw error;
      return database.transaction(aroundHole)();
    }
  }

  /** Writes what is buffered but for damaged series, whose first problem is returned. */
  const writePending = database.transaction((runIds: readonly string[]) => {
    const written: OpenSeries[] = [];
    let problem: LabError | null = null;
    for (const runId of runIds) {
      for (const [name, open] of openRuns.get(runId) ?? []) {
        if (open.pending.length === 0) continue;
        const points = concatenatePoints(open.pending);
        try {
          const series = findSeries(runId, name) ?? insertSeries(runId, name, points.steps[0] ?? 0);
          change(
            series,
            () => appendPoints(tables, series, points),
            () => appendBehindHole(tables, series, points),
          );
          written.push(open);
        } catch (error) {
          if (!(error instanceof LabError)) throw error;
          problem ??= error;
        }
      }
    }
    return { written, problem };
  });

  function hasPending(run: Map<string, OpenSeries> | undefined): boolean {
    return run !== undefined && [...run.values()].some(({ pending }) => pending.length > 0);
  }

  function flush(runId?: string): void {
    const runIds = [...openRuns.keys()].filter((id) => (runId ?? id) === id && hasPending(openRuns.get(id)));
    if (runIds.length === 0) return;
    const isDue = performance.now() - syncedAtMs >= syncIntervalMs;
    const { written, problem } = isDue ? durably(database, () => writePending(runIds)) : writePending(runIds);
    if (isDue) syncedAtMs = performance.now();
    // Only now is it on disk.
    for (const open of written) open.pending = [];
    if (problem) throw problem;
  }

  /** Before reading: what is buffered is to be seen. Where it cannot be written, the next `flush` says so. */
  function flushFor(runId: string): void {
    if (!hasPending(openRuns.get(runId))) return;
    try {
      flush(runId);
    } catch {
      // What was written before is still readable.
    }
  }

  return {
    append(runId, series) {
      const run = openRun(runId);
      const entries = Object.entries(series).filter(([, points]) => points.steps.length > 0);
      for (const [name, points] of entries) checkPoints(name, points, run.get(name)?.lastStep ?? -1);
      for (const [name, { steps, values }] of entries) {
        const open = run.get(name) ?? { lastStep: -1, pending: [] };
        run.set(name, open);
        open.pending.push({ steps: steps.slice(), values: values.slice() });
        open.lastStep = steps.at(-1) ?? open.lastStep;
      }
    },

    flush,

    read(runId, name) {
      flushFor(runId);
      const series = findSeries(runId, name);
      if (!series) return { steps: new Float64Array(0), values: new Float64Array(0) };
      return withRepair(series, () => tables.readPoints(series, -1));
    },

    readBuckets(runId, name, maximumBuckets, afterStep = -1) {
      flushFor(runId);
      if (!(maximumBuckets >= 1)) {
        throw new LabError('invalidArgument', `${maximumBuckets} buckets are too few.`, 'Ask for one bucket or more.');
      }
      const series = findSeries(runId, name);
      if (!series) return { pointsPerBucket: 1, missing: [], ...createBuckets(0) };
      const pointsPerBucket = pointsPerBucketFor(series.pointCount, maximumBuckets);
      try {
        const buckets = withRepair(series, () => readSeriesBuckets(tables, series, pointsPerBucket, afterStep));
        return { pointsPerBucket, missing: [], ...buckets };
      } catch (error) {
        if (!isDamage(error)) throw error;
        const readable = tables.readReadablePoints(series);
        const buckets = readReadableBuckets(readable, pointsPerBucket, afterStep);
        return { pointsPerBucket, missing: toMissingSteps(readable), ...buckets };
      }
    },

    readReadable(runId, name) {
      flushFor(runId);
      const series = findSeries(runId, name);
      if (!series) return { steps: new Float64Array(0), values: new Float64Array(0), missing: [] };
      const readable = tables.readReadablePoints(series);
      return { ...readable.points, missing: toMissingSteps(readable) };
    },

    list(runId) {
      flushFor(runId);
      return tables.listSeries(runId).map(({ name, pointCount, firstStep, lastStep, lastValue }) => ({
        series: name,
        count: pointCount,
        firstStep,
        lastStep,
        lastValue: lastValue ?? Number.NaN,
      }));
    },

    revision(runId) {
      const revision = findRevision.get(runId);
      if (revision === undefined) throw noRun(runId);
      return revision;
    },

    truncateAfter(runId, step) {
      openRun(runId);
      flushFor(runId);
      const truncate = database.transaction(() => {
        const before = tables.listSeries(runId);
        const discarded = before.map((series) =>
          change(
            series,
            () => truncatePoints(tables, series, step),
            () => truncateAroundHole(tables, series, step),
          ),
        );
        if (!discarded.includes(true)) return;
        const removed = before.length - tables.listSeries(runId).length;
        changeRun(runId, ({ metricsRevision, seriesCount }) => ({
          metricsRevision: metricsRevision + 1,
          seriesCount: seriesCount - removed,
        }));
      });
      truncate();
      openRuns.delete(runId);
    },

    forget(runId) {
      openRuns.delete(runId);
    },
  };
}

function noRun(runId: string): LabError {
  return new LabError('notFound', `There is no run ${runId}.`, 'List the runs there are.');
}

function checkPoints(name: string, { steps, values }: SeriesPoints, lastStep: number): void {
  let previous = lastStep;
  for (const step of steps) {
    if (!Number.isSafeInteger(step) || step <= previous) {
      throw new LabError(
        'invalidArgument',
        `Series ${name} has step ${step} behind step ${previous}; steps are whole numbers that ascend.`,
        'Discard the points after the step at which the run goes on before adding new ones.',
      );
    }
    previous = step;
  }
  if (steps.length !== values.length) {
    throw new LabError(
      'invalidArgument',
      `Series ${name} has ${steps.length} steps and ${values.length} values.`,
      'Give one value for each step.',
    );
  }
}

/** Of a chunk, or of the pages that it is on. */
function isDamage(error: unknown): boolean {
  return isDamaged(error) || (error instanceof LabError && error.code === 'labDamaged');
}

function toMissingSteps({ holes }: ReadablePoints): MissingSteps[] {
  return holes.map(({ firstStep, lastStep, pointCount }) => ({ firstStep, lastStep, pointCount }));
}

function damagedSeries({ runId, name }: Pick<SeriesRow, 'runId' | 'name'>, error?: unknown): LabError {
  return new LabError(
    'labDamaged',
    `The recorded points of series ${name} of run ${runId} are damaged.`,
    `Other series and runs are not affected. Put a backup in place of the lab, restore what can be read with ${labCommand('repair')}, or train the run again.`,
    error,
  );
}
