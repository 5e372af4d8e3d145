import type { FinalValue, Handlers, SeriesSlice, ValidatedInput } from '#shared/contract.ts';
import { LabError, toLabErrorData } from '#shared/errors.ts';
import { finalValue } from '#shared/statistics/finalValue.ts';
import type { MissingSteps } from '#shared/domain/metric.ts';
import type { MetricStore, SeriesBuckets } from '../../store/store.ts';
import type { ContractContext } from '../context.ts';
import { requireRun } from '../records.ts';
import { mapInSlices } from '../slices.ts';
import { readStoredPoints } from '../storedRuns.ts';

type SeriesRequest = ValidatedInput<'metrics.read'>['requests'][number];

export function metricsHandlers({
  lab,
}: ContractContext): Pick<Handlers, 'metrics.list' | 'metrics.read' | 'metrics.points' | 'metrics.finalValues'> {
  const { metrics } = lab.store;
  return {
    async 'metrics.points'({ runId, series, allowMissing }) {
      return Promise.resolve(readStoredPoints(lab, requireRun({ lab }, runId).id, series, { allowMissing }));
    },
    'metrics.finalValues': ({ runIds, series }) =>
      mapInSlices(runIds, (runId) => {
        const run = requireRun({ lab }, runId);
        const values = series.map((name) => [name, readFinalValue(metrics, run.id, name)] as const);
        return { runId: run.id, values: Object.fromEntries(values) };
      }),
    'metrics.list': ({ runIds }) =>
      mapInSlices(runIds, (runId) => ({ runId, series: metrics.list(runId).map(({ series }) => series) })),
    'metrics.read': ({ requests, maximumBuckets }) =>
      mapInSlices(requests, (request) => {
        try {
          return readSlice(metrics, request, maximumBuckets);
        } catch (error) {
          // One damaged series, or a run that was deleted meanwhile, must not hide all others.
          if (!(error instanceof LabError)) throw error;
          return { ...emptySlice(request), error: toLabErrorData(error) };
        }
      }),
  };
}

/** Revision and points are read in one go: nothing changes between. */
function readSlice(
  metrics: Pick<MetricStore, 'readBuckets' | 'revision'>,
  request: SeriesRequest,
  maximumBuckets: number,
): SeriesSlice {
  const metricsRevision = metrics.revision(request.runId);
  const read = (afterStep: number): SeriesBuckets =>
    metrics.readBuckets(request.runId, request.series, maximumBuckets, afterStep);
  let afterStep = metricsRevision === request.metricsRevision ? request.afterStep : -1;
  let buckets = read(afterStep);
  const replace = metricsRevision !== request.metricsRevision || buckets.pointsPerBucket !== request.pointsPerBucket;
  if (replace && afterStep > -1) {
    afterStep = -1;
    buckets = read(afterStep);
  }
  const { pointsPerBucket } = buckets;
  const lastFull = buckets.counts.findLastIndex((count) => count === pointsPerBucket);
  return {
    runId: request.runId,
    series: request.series,
    metricsRevision,
    replace,
    pointsPerBucket,
    completeThrough: buckets.lastSteps[lastFull] ?? afterStep,
    steps: [...buckets.lastSteps],
    values: finiteOrNull(buckets.mean),
    ...(pointsPerBucket === 1
      ? {}
      : { minimum: finiteOrNull(buckets.minimum), maximum: finiteOrNull(buckets.maximum) }),
    ...(buckets.missing.length === 0 ? {} : { error: toLabErrorData(missingPoints(request, buckets.missing)) }),
  };
}

/** One damaged series must not hide what all others come to: it has no value, and says why. */
function readFinalValue(metrics: Pick<MetricStore, 'read'>, runId: string, series: string): FinalValue {
  try {
    const points = metrics.read(runId, series).values;
    const value = finalValue(points);
    return { value: Number.isFinite(value) ? value : null, evaluations: points.length };
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'labDamaged') throw error;
    return { value: null, evaluations: 0, error: toLabErrorData(error) };
  }
}

function missingPoints({ runId, series }: SeriesRequest, missing: readonly MissingSteps[]): LabError {
  const steps = missing.map(({ firstStep, lastStep }) => `${firstStep} to ${lastStep}`).join(', ');
  return new LabError(
    'labDamaged',
    `Series ${series} of run ${runId} is damaged: its points at steps ${steps} cannot be read.`,
    'The curve has a hole there; the rest is as it was recorded. Put a backup in place of the lab, or train the run again.',
  );
}

function emptySlice({ runId, series, metricsRevision, pointsPerBucket }: SeriesRequest): SeriesSlice {
  return {
    runId,
    series,
    metricsRevision,
    replace: true,
    pointsPerBucket,
    completeThrough: -1,
    steps: [],
    values: [],
  };
}

function finiteOrNull(values: Float64Array): (number | null)[] {
  return Array.from(values, (value) => (Number.isFinite(value) ? value : null));
}
