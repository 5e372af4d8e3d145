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
}

const crossEntropy = { name: 'Cross-entropy', unit: 'nats', format: 'number', bounds: [0, null] } as const;

/** What every run logs, in the order in which it is offered. */
export const commonMetrics: readonly ComparedMetric[] = [
  {
    id: 'validation-loss',
    title: 'Validation loss',
    help: 'Cross-entropy on images that were not trained on.',
    series: metricSeries.validationLoss,
    perLayer: false,
    yAxis: crossEntropy,
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
  },
  {
    id: 'training-loss',
    title: 'Training loss',
    help: 'Cross-entropy of each mini-batch, before its update.',
    series: metricSeries.trainLoss,
    perLayer: false,
    yAxis: crossEntropy,
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
