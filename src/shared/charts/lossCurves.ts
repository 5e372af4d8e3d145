import type { Loss } from '../domain/architecture.ts';
import { lossOf } from '../domain/architectures/index.ts';
import { metricSeries, type SeriesPoints } from '../domain/metric.ts';
import { methods } from '../domain/methods/index.ts';
import type { RunDocument } from '../domain/run.ts';
import type { RunState } from '../domain/runState.ts';
import type { ChartAxis, ChartDescription, ChartPanel, ChartSeries, ChartStyle } from './chart.ts';
import { lossAxisOf } from './comparedMetrics.ts';
import { shiftLightness } from './colors.ts';

/** One run and its curves, as the comparison needs them. */
export interface ComparedRun {
  id: string;
  /** Equal for runs that differ in seed only. */
  label: string;
  document: RunDocument;
  documentHash: string;
  state: RunState;
  /** Points by the name of their series; absent where nothing was recorded. */
  series: Readonly<Partial<Record<string, SeriesPoints>>>;
}

interface Curve {
  title: string;
  series: string;
  yAxis: ChartAxis;
}

const accuracyCurve: Curve = {
  title: 'Validation accuracy',
  series: metricSeries.validationAccuracy,
  yAxis: { name: 'Accuracy', unit: null, scale: 'linear', format: 'percent', bounds: [0, 1] },
};

/** Validation loss, and accuracy where a run has classes. */
const curvesOf = (losses: ReadonlySet<Loss>): Curve[] => [
  {
    title: 'Validation loss',
    series: metricSeries.validationLoss,
    yAxis: { ...lossAxisOf(losses), scale: 'linear' },
  },
  ...(losses.size === 1 && losses.has('halfSquaredError') ? [] : [accuracyCurve]),
];

const stepAxis: ChartAxis = { name: 'Optimizer step', unit: null, scale: 'linear', format: 'number' };

/** Runs by label, in the order in which labels first appear. */
export function groupByLabel<Run extends { label: string }>(runs: readonly Run[]): Map<string, Run[]> {
  const groups = new Map<string, Run[]>();
  for (const run of runs) groups.set(run.label, [...(groups.get(run.label) ?? []), run]);
  return groups;
}

/** Validation loss and accuracy over steps: one curve a label, the mean where it has several seeds. */
export function describeLossCurves(title: string, runs: readonly ComparedRun[]): ChartDescription {
  const groups = groupByLabel(runs);
  const styles = chooseStyles(groups);
  const losses = new Set(runs.map(({ document }) => lossOf(document.architecture)));
  const panels = curvesOf(losses).map(({ title: panelTitle, series: name, yAxis }): ChartPanel => ({
    title: panelTitle,
    xAxis: stepAxis,
    yAxis,
    series: [...groups].flatMap(([label, group]) => {
      const style = styles.get(label);
      const curve = style === undefined ? null : averageCurve(label, group, name, style);
      return curve === null ? [] : [curve];
    }),
  }));
  return {
    title,
    panels,
    footnote: describeTreatment([...groups.values()]),
    source: runs.map(({ id, label, documentHash }) => ({ runId: id, label, documentHash })),
  };
}

function describeTreatment(groups: readonly (readonly ComparedRun[])[]): string {
  const counts = new Set(groups.map((group) => group.length));
  const seeds = counts.size === 1 ? String([...counts][0]) : `${Math.min(...counts)} to ${Math.max(...counts)}`;
  const parts =
    Math.max(0, ...counts) > 1
      ? [`Mean of ${seeds} seeds a curve; band from minimum to maximum`]
      : [`One seed a curve`];
  parts.push('no smoothing');
  const diverged = groups.flat().filter((run) => run.state === 'diverged');
  if (diverged.some(hasPoint)) parts.push('× marks divergence');
  const unseen = new Set(diverged.filter((run) => !hasPoint(run)).map((run) => run.label));
  if (unseen.size > 0) parts.push(`${[...unseen].join(' and ')} diverged before the first evaluation`);
  const unfinished = groups.flat().filter((run) => run.state !== 'done' && run.state !== 'diverged').length;
  if (unfinished > 0) parts.push(`${unfinished} of ${groups.flat().length} runs did not reach their end`);
  return `${parts.join('; ')}.`;
}

function hasPoint(run: ComparedRun): boolean {
  return [metricSeries.validationLoss, metricSeries.validationAccuracy].some(
    (series) => run.series[series]?.values.some(Number.isFinite) === true,
  );
}

/** A method's own colour, dash and marker; what else varies moves lightness, never hue. */
function chooseStyles(groups: ReadonlyMap<string, readonly ComparedRun[]>): Map<string, ChartStyle> {
  const labelsByMethod = new Map<RunDocument['method']['id'], string[]>();
  for (const [label, [first]] of groups) {
    if (first === undefined) continue;
    const id = first.document.method.id;
    labelsByMethod.set(id, [...(labelsByMethod.get(id) ?? []), label]);
  }
  const styles = new Map<string, ChartStyle>();
  for (const [id, labels] of labelsByMethod) {
    const { style } = methods[id];
    labels.forEach((label, index) => {
      // From darker to lighter around the method's colour, which a single curve keeps.
      const amount = labels.length === 1 ? 0 : -0.4 + (0.9 * index) / (labels.length - 1);
      styles.set(label, { ...style, color: shiftLightness(style.color, amount) });
    });
  }
  return styles;
}

/** Mean, minimum and maximum over seeds, at the steps that every seed has. */
function averageCurve(
  label: string,
  group: readonly ComparedRun[],
  series: string,
  style: ChartStyle,
): ChartSeries | null {
  const members = group.flatMap((run) => {
    const points = run.series[series];
    return points === undefined
      ? []
      : [new Map(Array.from(points.steps, (step, at) => [step, points.values[at] ?? NaN]))];
  });
  const [first, ...others] = members;
  if (first === undefined) return null;
  const x = [...first.keys()].filter((step) => others.every((other) => other.has(step)));
  if (x.length === 0) return null;
  const rows = x.map((step) => members.map((member) => member.get(step) ?? NaN));
  const y = rows.map((row) => row.reduce((sum, value) => sum + value, 0) / row.length);
  const diverged = group.some((run) => run.state === 'diverged');
  const last = y.findLastIndex(Number.isFinite);
  const [lastX, lastY] = [x[last], y[last]];
  return {
    label,
    points: { x, y },
    band:
      members.length < 2
        ? null
        : { lower: rows.map((row) => Math.min(...row)), upper: rows.map((row) => Math.max(...row)) },
    style,
    divergedAt: diverged && lastX !== undefined && lastY !== undefined ? { x: lastX, y: lastY } : null,
  };
}
