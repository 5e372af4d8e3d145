import type { ExperimentListItem } from '#shared/contract.ts';
import { metricSeries } from '#shared/domain/metric.ts';
import type { SeriesKey } from './metricsCache.ts';

/** Most runs whose curves a row draws. */
const curvesPerRow = 8;

/** Series that an experiment's row draws: validation loss of its first runs. */
export function sparklineSeries(experiment: ExperimentListItem): SeriesKey[] {
  return experiment.runs.slice(0, curvesPerRow).map((run) => ({ runId: run.id, series: metricSeries.validationLoss }));
}
