import { methods, type MethodId } from '../domain/methods/index.ts';
import type { ChartAxis, ChartDescription, ChartPanel, ChartSeries, ChartStyle } from './chart.ts';
import { shiftLightness } from './colors.ts';
import type { ComparedMetric } from './comparedMetrics.ts';

/** Points of a drawn curve; NaN is a gap. */
export interface ComparedLine {
  x: readonly number[];
  y: readonly number[];
  lower: readonly number[] | null;
  upper: readonly number[] | null;
}

/** Runs that differ in seed only, as one curve with their own behind it. */
export interface ComparedCurve {
  label: string;
  style: ChartStyle;
  mean: ComparedLine;
  /** Runs in the mean; 0 where all of them diverged before their first point. */
  count: number;
  /** Lines of single runs to draw thin. */
  runs: readonly { line: ComparedLine; diverged: boolean }[];
  /** Draws back behind the others. */
  faded: boolean;
}

export interface ComparisonTreatment {
  xAxis: 'step' | 'epoch' | 'time';
  logX: boolean;
  logY: boolean;
  smoothing: number;
  band: 'interval' | 'range' | 'none';
  seedLines: boolean;
  /** Raw points in a bucket; 1 where nothing was down-sampled. */
  pointsPerBucket: number;
  /** Visible part of the horizontal axis; null is all of the data. */
  range: readonly [number, number] | null;
}

const xAxisNames = {
  step: { name: 'Optimizer step', unit: null },
  epoch: { name: 'Epoch', unit: null },
  time: { name: 'Training time', unit: 's' },
} as const;

/** The chart of one quantity over compared runs. */
export function describeComparison(
  title: string,
  metric: ComparedMetric,
  /** The layer of a quantity that each layer has. */
  layer: string | null,
  curves: readonly ComparedCurve[],
  treatment: ComparisonTreatment,
  source: ChartDescription['source'],
): ChartDescription {
  const drawn = curves.filter((curve) => curve.count > 0);
  const xAxis: ChartAxis = {
    ...xAxisNames[treatment.xAxis],
    scale: treatment.logX ? 'log' : 'linear',
    format: 'number',
    ...(treatment.range ? { range: treatment.range } : {}),
  };
  const panel: ChartPanel = {
    title: layer === null ? metric.title : `${metric.title}, ${layer}`,
    xAxis,
    yAxis: { ...metric.yAxis, scale: treatment.logY ? 'log' : 'linear' },
    // Thin lines first, so that means lie on top of them.
    series: [...drawn.flatMap((curve) => thinSeries(curve, treatment)), ...drawn.map((curve) => meanSeries(curve))],
  };
  return { title, panels: [panel], footnote: describeTreatment(curves, treatment), source };
}

function meanSeries(curve: ComparedCurve): ChartSeries {
  const { x, y, lower, upper } = curve.mean;
  const [only] = curve.runs;
  return {
    label: curve.label,
    points: { x, y },
    band: lower && upper ? { lower, upper } : null,
    style: curve.style,
    divergedAt: curve.count === 1 && only?.diverged ? lastFinite(curve.mean) : null,
    ...(curve.faded ? { faded: true } : {}),
  };
}

/**
 * Thin lines of single runs: all of them where asked for, else those that the mean cannot speak for,
 * because they go on where another seed has not come or has diverged.
 */
function thinSeries(curve: ComparedCurve, treatment: ComparisonTreatment): ChartSeries[] {
  if (curve.count < 2) return [];
  const meanEnd = curve.mean.x.at(-1) ?? Number.NEGATIVE_INFINITY;
  return curve.runs.flatMap(({ line, diverged }): ChartSeries[] => {
    const from = treatment.seedLines ? 0 : line.x.findIndex((x) => x >= meanEnd);
    const goesOn = (line.x.at(-1) ?? Number.NEGATIVE_INFINITY) > meanEnd;
    if (from < 0 || (!treatment.seedLines && !goesOn && !diverged)) return [];
    return [
      {
        label: curve.label,
        points: { x: line.x.slice(from), y: line.y.slice(from) },
        band: null,
        style: curve.style,
        divergedAt: diverged ? lastFinite(line) : null,
        thin: true,
        ...(curve.faded ? { faded: true } : {}),
      },
    ];
  });
}

function lastFinite(line: ComparedLine): { x: number; y: number } | null {
  const index = line.y.findLastIndex((y, at) => Number.isFinite(y) && Number.isFinite(line.x[at]));
  const [x, y] = [line.x[index], line.y[index]];
  return x === undefined || y === undefined ? null : { x, y };
}

/** What was done to the data, in one line of small type. */
export function describeTreatment(curves: readonly ComparedCurve[], treatment: ComparisonTreatment): string {
  const counts = curves.map((curve) => curve.count).filter((count) => count > 0);
  const most = Math.max(0, ...counts);
  const least = Math.min(most, ...counts);
  const parts: string[] = [];
  if (most > 1) {
    parts.push(`mean of ${least === most ? most : `${least} to ${most}`} seeds`);
    if (treatment.band === 'interval') parts.push('band: 95% t-interval of the mean');
    if (treatment.band === 'range') parts.push('band: smallest to largest seed');
    if (treatment.seedLines) parts.push('thin: single seeds');
  } else if (most === 1) {
    parts.push('one seed a curve');
  }
  parts.push(
    treatment.smoothing > 0 ? `moving average, weight ${treatment.smoothing} (EMA, debiased)` : 'no smoothing',
  );
  if (treatment.pointsPerBucket > 1) {
    parts.push(
      `each point the mean of ${treatment.pointsPerBucket} steps` +
        (treatment.smoothing === 0 && most === 1 && treatment.band !== 'none' ? ', band from smallest to largest' : ''),
    );
  }
  if (curves.some((curve) => curve.runs.some((run) => run.diverged))) parts.push('× diverged');
  const early = curves.filter((curve) => curve.count === 0).map((curve) => curve.label);
  if (early.length > 0) parts.push(`${early.join(', ')}: diverged before the first point`);
  const text = parts.join(' · ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * Styles of curves: the method's own colour, dash and marker; batch size (or whatever else varies)
 * moves lightness, never hue: around it on a light ground, above it on a dark one.
 */
export function comparedStyles(
  members: readonly { key: string; methodId: string; batchSize: number }[],
  theme: 'light' | 'dark',
): Map<string, ChartStyle> {
  const [darkest, lightest] = theme === 'light' ? [-0.35, 0.45] : [0, 0.5];
  const styles = new Map<string, ChartStyle>();
  for (const [methodId, group] of Map.groupBy(members, (member) => member.methodId)) {
    const own: ChartStyle = Object.hasOwn(methods, methodId)
      ? methods[methodId as MethodId].style
      : { color: '#8a8a8a', dash: 'dotted', marker: 'diamond' };
    const ordered = group.toSorted((a, b) => a.batchSize - b.batchSize);
    ordered.forEach(({ key }, index) => {
      const amount = ordered.length === 1 ? 0 : darkest + ((lightest - darkest) * index) / (ordered.length - 1);
      styles.set(key, { ...own, color: shiftLightness(own.color, amount) });
    });
  }
  return styles;
}
