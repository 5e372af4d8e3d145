import type { StoredRun } from '#shared/contract.ts';
import { metricSeries, type SeriesPoints } from '#shared/domain/metric.ts';
import type { ChartDescription } from '#shared/charts/chart.ts';
import { describeLossCurves, type ComparedRun } from '#shared/charts/lossCurves.ts';
import type { PointReader } from './runExport.ts';

/** The chart of validation loss and accuracy, with the points that the lab has. */
export async function describeRunCurves(
  title: string,
  runs: readonly StoredRun[],
  readPoints: PointReader,
): Promise<ChartDescription> {
  const wanted: readonly string[] = [metricSeries.validationLoss, metricSeries.validationAccuracy];
  const compared: ComparedRun[] = [];
  for (const run of runs) {
    const points: [string, SeriesPoints][] = [];
    for (const { series } of run.series) {
      if (wanted.includes(series)) points.push([series, await readPoints(run.id, series)]);
    }
    const { id, label, document, documentHash, state } = run;
    compared.push({ id, label, document, documentHash, state, series: Object.fromEntries(points) });
  }
  return describeLossCurves(title, compared);
}
