import type { Loss } from '../domain/architecture.ts';
import { diagnosticQuantities } from '../domain/diagnostics.ts';
import { metricSeries } from '../domain/metric.ts';
import type { ChartAxis } from './chart.ts';

/** One quantity that runs are compared by. */
export interface ComparedMetric {
  id: string;
  title: string;
  /** One sentence on what it is. */
  help: string;
  /** Name of its series; for a quantity of each layer, the part before the layer's name. */
  series: string;
  perLayer: boolean;
  yAxis: Omit<ChartAxis, 'scale'>;
  /** Which values are good; null where neither is. */
  better: 'lower' | 'higher' | null;
  /** Only of runs with this loss; of all where absent. */
  only?: Loss;
}

/** Vertical axes of the losses. */
export const lossAxes: Readonly<Record<Loss, Omit<ChartAxis, 'scale'>>> = {
  crossEntropy: { name: 'Cross-entropy', unit: 'nats', format: 'number', bounds: [0, null] },
  halfSquaredError: { name: '½ squared error', unit: null, format: 'number', bounds: [0, null] },
};
/** Where both are drawn into one chart. */
const mixedLossAxis: Omit<ChartAxis, 'scale'> = { name: 'Loss', unit: null, format: 'number', bounds: [0, null] };

/** What every run logs, or every one with the loss that is named, in the order in which it is offered. */
export const commonMetrics: readonly ComparedMetric[] = [
  {
    id: 'validation-loss',
    title: 'Validation loss',
    help: 'Cross-entropy on images that were not trained on.',
    series: metricSeries.validationLoss,
    perLayer: false,
    yAxis: lossAxes.crossEntropy,
    better: 'lower',
  },
  {
    id: 'validation-accuracy',
    title: 'Validation accuracy',
    help: 'Share of right answers on images that were not trained on.',
    series: metricSeries.validationAccuracy,
    perLayer: false,
    yAxis: { name: 'Accuracy', unit: null, format: 'percent', bounds: [0, 1] },
    better: 'higher',
    only: 'crossEntropy',
  },
  {
    id: 'training-loss',
    title: 'Training loss',
    help: 'Cross-entropy of each mini-batch, before its update.',
    series: metricSeries.trainLoss,
    perLayer: false,
    yAxis: lossAxes.crossEntropy,
    better: 'lower',
  },
  {
    id: 'gap',
    title: 'Gap',
    help: 'Validation loss less the mean training loss since the evaluation before: how much is learned by heart.',
    series: metricSeries.gapLoss,
    perLayer: false,
    yAxis: { name: 'Validation − training', unit: 'nats', format: 'number' },
    better: 'lower',
  },
  {
    id: 'gamma-squared',
    title: 'γ²',
    help: 'Mean over channels of the squared scale γ of each normalized layer.',
    series: 'gammaSquared/',
    perLayer: true,
    yAxis: { name: 'Mean γ²', unit: null, format: 'number', bounds: [0, null] },
    better: null,
  },
  {
    id: 'teacher-distance',
    title: 'Distance to the teacher',
    help: '‖w̃ − w*‖² of effective and teacher’s weights: the generalization error ε of identity units.',
    series: metricSeries.teacherDistance,
    perLayer: false,
    yAxis: { name: '‖w̃ − w*‖²', unit: null, format: 'number', bounds: [0, null] },
    better: 'lower',
    only: 'halfSquaredError',
  },
  {
    id: 'teacher-overlap',
    title: 'Overlap R',
    help: 'Cosine of the angle between the student’s weights and the teacher’s.',
    series: metricSeries.teacherOverlap,
    perLayer: false,
    yAxis: { name: 'R', unit: null, format: 'number' },
    better: 'higher',
    only: 'halfSquaredError',
  },
  {
    id: 'student-scale',
    title: 'Scale γ',
    help: 'Length of the student’s effective weights; the teacher’s is 1.',
    series: metricSeries.studentScale,
    perLayer: false,
    yAxis: { name: 'γ', unit: null, format: 'number', bounds: [0, null] },
    better: null,
    only: 'halfSquaredError',
  },
  {
    id: 'student-length',
    title: 'Length L',
    help: 'Length of the weights that are trained, before any normalization.',
    series: metricSeries.studentLength,
    perLayer: false,
    yAxis: { name: 'L', unit: null, format: 'number', bounds: [0, null] },
    better: null,
    only: 'halfSquaredError',
  },
  {
    id: 'learning-rate',
    title: 'Learning rate',
    help: 'Learning rate of each step, after scaling with the batch size.',
    series: metricSeries.learningRate,
    perLayer: false,
    yAxis: { name: 'Learning rate', unit: null, format: 'number', bounds: [0, null] },
    better: null,
  },
  {
    id: 'throughput',
    title: 'Throughput',
    help: 'Training images a second on this machine.',
    series: metricSeries.samplesPerSecond,
    perLayer: false,
    yAxis: { name: 'Throughput', unit: 'images/s', format: 'number', bounds: [0, null] },
    better: 'higher',
  },
];

/** Means of h itself say little side by side; they are for tables and files. */
const notDrawn = new Set([
  'gammaSquared',
  ...['batch', 'running', 'population'].flatMap((kind) => [`${kind}Mean`, `${kind}Variance`]),
]);

/** What runs log of each layer where diagnostics ask for it. */
export const diagnosticMetrics: readonly ComparedMetric[] = diagnosticQuantities
  .filter(({ id }) => !notDrawn.has(id))
  .map(({ id, title, help, axis }) => ({
    id: id.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`),
    title,
    help,
    series: `${id}/`,
    perLayer: true,
    yAxis: { ...axis, format: 'number' },
    better: null,
  }));

export const comparedMetrics: readonly ComparedMetric[] = [...commonMetrics, ...diagnosticMetrics];

/** Layers that have a series of a quantity of each layer, in the order of the names. */
export function layersOfMetric({ series, perLayer }: ComparedMetric, names: Iterable<string>): string[] {
  return perLayer ? [...names].filter((name) => name.startsWith(series)).map((name) => name.slice(series.length)) : [];
}

/** The losses of runs, from the series that they recorded; cross-entropy before there are any. */
export function recordedLosses(series: ReadonlySet<string>): Set<Loss> {
  const ofValues = series.has(metricSeries.teacherDistance);
  const ofClasses = !ofValues || series.has(metricSeries.validationAccuracy);
  return new Set<Loss>([
    ...(ofClasses ? ['crossEntropy' as const] : []),
    ...(ofValues ? ['halfSquaredError' as const] : []),
  ]);
}

/** The axis of a loss that runs with these losses are drawn on. */
export function lossAxisOf(losses: ReadonlySet<Loss>): Omit<ChartAxis, 'scale'> {
  const [first = 'crossEntropy', ...others] = losses;
  return others.length === 0 ? lossAxes[first] : mixedLossAxis;
}

/** The common metrics of runs with these losses. */
export function comparedMetricsOf(losses: ReadonlySet<Loss>): ComparedMetric[] {
  const axis = lossAxisOf(losses);
  return commonMetrics
    .filter(({ only }) => only === undefined || losses.has(only))
    .map((metric): ComparedMetric => {
      if (losses.size === 1 && losses.has('crossEntropy')) return metric;
      const help = metric.help.replace('Cross-entropy', losses.size === 1 ? 'Half the squared error' : 'Loss');
      if (metric.yAxis === lossAxes.crossEntropy) return { ...metric, help, yAxis: axis };
      return metric.id === 'gap' ? { ...metric, yAxis: { ...metric.yAxis, unit: axis.unit } } : metric;
    });
}
