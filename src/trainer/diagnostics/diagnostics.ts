import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { SampleReader } from '#files/datasetFolder.ts';
import type { TensorData } from '#files/safetensors.ts';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { channelSummaries, type DiagnosticGroup, type Diagnostics } from '#shared/domain/diagnostics.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { spread } from '#shared/statistics/quantiles.ts';
import { createBatchLoader } from '../batch.ts';
import type { Engine, Step, TensorRecord } from '../engines/engine.ts';
import { batchMoments } from '../methods/weightNormKernel.ts';
import type { Network } from '../network.ts';
import { createRandomSeed } from '../randomSource.ts';
import { statePrefixes, type StepExecution } from '../steps/inputs.ts';
import { createGradientNormStep } from '../steps/gradients.ts';
import { createObservationStep } from '../steps/observation.ts';
import { disposeAll, selectByPrefix } from '../tensors.ts';
import { batchNoise, combineBatches, distanceFromPopulation, type ChannelStatistics } from './batchStatistics.ts';
import { channelCorrelations, channelKurtosis, meanAbsoluteCorrelation } from './hiddenValues.ts';
import { channelNorms, effectiveLearningRates, totalNorm } from './kernels.ts';

/** What was measured, by the names of `diagnosticQuantities` and the layer: `kurtosis/conv1`. */
export interface DiagnosticValues {
  /** One value a layer. */
  layers: Record<string, number>;
  /** One value a channel. */
  channels: Record<string, Float64Array>;
}

export interface DiagnosticMeter {
  /** How many it takes. */
  images: number;
  /** Measures a state as it is, and changes nothing. @param learningRate That of the step before. */
  measure(state: TensorRecord, learningRate: number): Promise<DiagnosticValues>;
  dispose(): void;
}

/** The pair of statistics that evaluation uses, whatever the method calls them. */
const usedStatistics = [
  ['runningMean', 'runningVariance'],
  ['populationMean', 'populationVariance'],
] as const;

/**
 * Measures layers and channels of a network on training images that stay the same: the first of the
 * permutation that the stream `diagnostics` of the seed gives, min(images, n) of them, at least a batch.
 * In evaluation they go through at once, in training in batches of the run's size. Each quantity says
 * in `diagnosticQuantities` what it is. Steps are compiled when they are first needed.
 */
export function createDiagnostics(
  engine: Engine,
  network: Network,
  image: ImageShape,
  training: SampleReader,
  document: { diagnostics: Pick<Diagnostics, 'groups' | 'images'>; batchSize: number; seed: number },
  execution: StepExecution,
): DiagnosticMeter {
  const { batchSize } = document;
  const groups: ReadonlySet<DiagnosticGroup> = new Set(document.diagnostics.groups);
  const count = Math.min(training.count, Math.max(document.diagnostics.images, batchSize));
  const sample = Uint32Array.from(
    createRandomStream(document.seed, 'diagnostics').permutation(training.count).slice(0, count),
  );
  const sampleLoader = createBatchLoader(training, image, count);
  const batchLoader = createBatchLoader(training, image, batchSize);
  // Sums and correlations of rounded values would say more of the rounding than of the network.
  const exact = { ...execution, precision: 'float32' } as const;
  const steps = new Map<string, Step>();
  const stepFor = (name: string, create: () => Step): Step => {
    const step = steps.get(name) ?? create();
    steps.set(name, step);
    return step;
  };

  /** Runs a step on images; takes their memory back. */
  function run(step: Step, state: TensorRecord, batch: TensorRecord): Record<string, Float64Array> {
    // The same masks each time, as the images are the same.
    const given = { ...batch, ...(network.drawsRandomNumbers && createRandomSeed(document.seed, 0)) };
    const results = step.run({ ...state, ...given });
    disposeAll(given);
    const values = Object.fromEntries(
      Object.entries(results).map(([name, result]) => [name, Float64Array.from(result.dataSync())]),
    );
    disposeAll(results);
    return values;
  }

  function measureParameters(values: DiagnosticValues, state: TensorRecord, learningRate: number): void {
    const parameters = selectByPrefix(state, statePrefixes.parameters);
    const statistics = selectByPrefix(state, statePrefixes.statistics);
    for (const layer of layersOf(network)) {
      const kernel = parameters[`${layer}/kernel`] ?? parameters[`${layer}/direction`];
      const gamma = parameters[`${layer}/gamma`];
      const beta = parameters[`${layer}/beta`];
      const zeta = statistics[`${layer}/zeta`];
      if (groups.has('affine') && gamma) {
        values.channels[`gamma/${layer}`] = read(gamma);
        values.channels[`gammaSquared/${layer}`] = read(gamma).map((value) => value * value);
      }
      if (groups.has('affine') && beta) values.channels[`beta/${layer}`] = read(beta);
      // Before the first pass over the population none is estimated yet.
      if (groups.has('coefficients') && zeta && read(zeta).some((value) => value !== 0)) {
        values.channels[`zeta/${layer}`] = read(zeta);
      }
      if (!kernel || !(groups.has('kernelNorms') || groups.has('effectiveLearningRate'))) continue;
      const norms = channelNorms(readData(kernel));
      if (groups.has('kernelNorms')) {
        values.channels[`channelNorm/${layer}`] = norms;
        values.layers[`kernelNorm/${layer}`] = totalNorm(norms);
      }
      if (groups.has('effectiveLearningRate') && network.normalizedLayers.includes(layer)) {
        values.channels[`effectiveLearningRate/${layer}`] = effectiveLearningRates(learningRate, norms);
      }
    }
  }

  function measureGradients(values: DiagnosticValues, state: TensorRecord): void {
    const step = stepFor('gradients', () => createGradientNormStep(engine, network, image, batchSize, exact));
    const norms = run(step, state, batchLoader.load(sample.slice(0, batchSize)));
    for (const layer of layersOf(network)) {
      const squares = norms[`${layer}/kernel`] ?? norms[`${layer}/direction`];
      if (squares) values.layers[`gradientNorm/${layer}`] = Math.sqrt(squares.reduce((sum, value) => sum + value, 0));
    }
  }

  function measureHiddenValues(values: DiagnosticValues, state: TensorRecord): void {
    const step = stepFor('hiddenValues', () =>
      createObservationStep(engine, network, image, count, 'evaluation', exact, (h) => ({
        kurtosis: channelKurtosis(h),
        correlations: channelCorrelations(h),
      })),
    );
    const results = run(step, state, sampleLoader.load(sample));
    for (const layer of layersOf(network)) {
      const kurtosis = results[`kurtosis/${layer}`];
      const correlations = results[`correlations/${layer}`];
      if (!kurtosis || !correlations) continue;
      values.channels[`kurtosis/${layer}`] = kurtosis;
      values.layers[`correlation/${layer}`] = meanAbsoluteCorrelation(correlations, kurtosis.length);
    }
  }

  async function measureStatistics(values: DiagnosticValues, state: TensorRecord): Promise<void> {
    const step = stepFor('statistics', () =>
      createObservationStep(engine, network, image, batchSize, 'training', exact, batchMoments),
    );
    const batches: Record<string, Float64Array>[] = [];
    for (let start = 0; start + batchSize <= count; start += batchSize) {
      batches.push(run(step, state, batchLoader.load(sample.slice(start, start + batchSize))));
      await yieldToEvents();
    }
    const statistics = selectByPrefix(state, statePrefixes.statistics);
    for (const layer of layersOf(network)) {
      const ofBatches = batches.flatMap((batch): ChannelStatistics[] => {
        const mean = batch[`mean/${layer}`];
        const variance = batch[`variance/${layer}`];
        return mean && variance ? [{ mean, variance }] : [];
      });
      const [first] = ofBatches;
      if (!first) continue;
      const population = combineBatches(ofBatches);
      const note = (name: string, value: Float64Array): void => {
        values.channels[`${name}/${layer}`] = value;
      };
      note('batchMean', first.mean);
      note('batchVariance', first.variance);
      note('populationMean', population.mean);
      note('populationVariance', population.variance);
      if (ofBatches.length > 1) {
        const noise = batchNoise(ofBatches, population);
        note('batchMeanDrift', noise.mean);
        note('batchDeviationDrift', noise.deviation);
      }
      for (const [meanName, varianceName] of usedStatistics) {
        const mean = statistics[`${layer}/${meanName}`];
        const variance = statistics[`${layer}/${varianceName}`];
        if (!mean || !variance) continue;
        const used = { mean: read(mean), variance: read(variance) };
        const distance = distanceFromPopulation(used, population);
        note('runningMean', used.mean);
        note('runningVariance', used.variance);
        note('runningMeanDrift', distance.mean);
        note('runningDeviationDrift', distance.deviation);
        break;
      }
    }
  }

  return {
    images: count,
    async measure(state, learningRate) {
      const values: DiagnosticValues = { layers: {}, channels: {} };
      measureParameters(values, state, learningRate);
      if (groups.has('gradientNorms')) measureGradients(values, state);
      if (groups.has('hiddenValues')) measureHiddenValues(values, state);
      if (groups.has('statistics')) await measureStatistics(values, state);
      return values;
    },
    dispose: () => steps.forEach((step) => step.dispose()),
  };
}

/**
 * The series of what was measured: of channels the mean as `<quantity>/<layer>`, and minimum, median
 * and maximum as `<quantity>.minimum/<layer>` and so on. Channels without a value are left out; where
 * none has one, it is NaN.
 */
export function diagnosticSeries({ layers, channels }: DiagnosticValues): [series: string, value: number][] {
  const ofChannels = Object.entries(channels).flatMap(([name, values]) => {
    const [quantity, layer] = name.split('/', 2);
    const present = values.filter((value) => !Number.isNaN(value));
    const { minimum, median, maximum } = spread(present);
    const summaries = { minimum, median, maximum } satisfies Record<(typeof channelSummaries)[number], number>;
    return [
      [name, present.reduce((sum, value) => sum + value, 0) / present.length] as [string, number],
      ...channelSummaries.map((summary): [string, number] => [`${quantity}.${summary}/${layer}`, summaries[summary]]),
    ];
  });
  return [...Object.entries(layers), ...ofChannels];
}

/** Layers with weights, in network order. */
function layersOf(network: Network): string[] {
  return [...new Set(Object.keys(network.variables.parameters).map((name) => name.slice(0, name.lastIndexOf('/'))))];
}

function read(tensor: Tensor): Float64Array {
  return Float64Array.from(tensor.dataSync());
}

function readData(tensor: Tensor): TensorData {
  return { shape: tensor.shape, values: tensor.dataSync<'float32'>() };
}
