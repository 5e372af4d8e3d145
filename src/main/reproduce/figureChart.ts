import type { ChartDescription, ChartPanel } from '#shared/charts/chart.ts';
import { readableLabel } from '#shared/charts/comparedLabels.ts';
import { comparedMetrics } from '#shared/charts/comparedMetrics.ts';
import {
  comparedStyles,
  describeComparison,
  type ComparedCurve,
  type ComparisonTreatment,
} from '#shared/charts/comparison.ts';
import { seedMeanCurve } from '#shared/charts/seedMeans.ts';
import type { StoredRun } from '#shared/contract.ts';
import type { FigureDescription, FigurePanel, Reading } from '#shared/domain/figures/figure.ts';
import { stepsPerEpoch } from '#shared/domain/trainingLength.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import { LabError } from '#shared/errors.ts';
import type { PointReader } from '../cli/runExport.ts';

/** Below this the interval of a mean is so wide that it hides the curves: t is 12.7 for two seeds, 4.3 for three. */
const leastSeedsForInterval = 3;

/** Series that a panel shows. */
export function panelSeriesName({ metric, series }: FigurePanel): string {
  return series ?? findMetric(metric).series;
}

function findMetric(id: string): (typeof comparedMetrics)[number] {
  const metric = comparedMetrics.find((candidate) => candidate.id === id);
  if (metric) return metric;
  throw new LabError('internal', `There is no quantity “${id}”.`, 'Correct the figure’s panels.');
}

/** The figure: a panel a quantity, a curve a group, over epochs or steps as the reading compares them. */
export async function describeFigure(
  figure: FigureDescription,
  reading: Reading,
  title: string,
  runs: readonly StoredRun[],
  datasetImages: number,
  readPoints: PointReader,
): Promise<ChartDescription> {
  const groups = Map.groupBy(runs, (run) => run.label);
  const styles = comparedStyles(
    [...groups].flatMap(([label, [first]]) =>
      first === undefined
        ? []
        : [{ key: label, methodId: first.document.method.id, batchSize: first.document.batchSize }],
    ),
    'light',
  );
  const source = runs.map(({ id, label, documentHash }) => ({ runId: id, label, documentHash }));
  const seeds = Math.min(...[...groups.values()].map((group) => group.length));
  const band = seeds < leastSeedsForInterval ? 'range' : 'interval';
  const treatment: ComparisonTreatment = {
    xAxis: reading === 'equal-epoch' ? 'epoch' : 'step',
    logX: false,
    logY: false,
    smoothing: 0,
    band,
    seedLines: false,
    pointsPerBucket: 1,
    range: null,
  };
  const panels: ChartPanel[] = [];
  let footnote = '';
  for (const panel of figure.panels) {
    const series = panelSeriesName(panel);
    const curves: ComparedCurve[] = [];
    for (const [label, group] of groups) {
      const style = styles.get(label);
      if (style === undefined) continue;
      const members = await Promise.all(
        group.map(async ({ id, state, document }) => ({
          state,
          points: await readPoints(id, series),
          position: positionOf(document, reading, datasetImages),
        })),
      );
      curves.push(seedMeanCurve(readableLabel(label, 'symbol'), style, members, band));
    }
    const described = describeComparison(
      title,
      { ...findMetric(panel.metric), series },
      null,
      curves,
      treatment,
      source,
    );
    panels.push(...described.panels);
    // The same of every panel that has curves.
    if (footnote === '') footnote = described.footnote;
  }
  return { title, panels, footnote, source };
}

function positionOf(document: RunDocument, reading: Reading, datasetImages: number): (step: number) => number {
  if (reading === 'equal-step') return (step) => step;
  const epochSteps = stepsPerEpoch(document.dataset.trainingImages ?? datasetImages, document.batchSize);
  return (step) => step / epochSteps;
}
