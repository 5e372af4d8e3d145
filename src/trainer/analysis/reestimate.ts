import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { AnalysisResult } from '#shared/protocol.ts';
import { LabError } from '#shared/errors.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { createBatchLoader } from '../batch.ts';
import { combineBatches, distanceFromPopulation, type ChannelStatistics } from '../diagnostics/batchStatistics.ts';
import { batchMoments } from '../methods/weightNormKernel.ts';
import { createRandomSeed } from '../randomSource.ts';
import { uploadState, type StateValues } from '../state.ts';
import { statePrefixes } from '../steps/inputs.ts';
import { createObservationStep } from '../steps/observation.ts';
import { disposeAll } from '../tensors.ts';
import { evaluateValues } from './evaluate.ts';
import type { TrainedRun } from './trainedRun.ts';

const { parameters: parameterPrefix, statistics: statisticPrefix } = statePrefixes;

/**
 * Evaluation with running averages against evaluation with precise statistics in their place: over
 * training images, in batches of the run's size as training normalizes them, the mean of the means, and
 * the mean of the biased variances plus the variance of the means (Wu & Johnson 2021).
 */
export async function measureReestimated(run: TrainedRun, images: number): Promise<AnalysisResult> {
  const { engine, network, image, training, document, execution, state: values } = run;
  const { batchSize } = document;
  const layers = Object.keys(network.variables.parameters)
    .filter((name) => name.endsWith('/kernel'))
    .map((name) => name.slice(0, -'/kernel'.length))
    .filter((layer) => values[`${statisticPrefix}${layer}/runningVariance`] && isOfKernel(values, layer));
  if (layers.length === 0) {
    throw new LabError(
      'invalidState',
      'This network has no running statistics of what its kernels give.',
      'Choose a run with batch normalization.',
    );
  }
  const batches = Math.max(1, Math.floor(Math.min(images, training.count) / batchSize));
  const order = createRandomStream(document.seed, 'reestimate').permutation(training.count);
  const step = createObservationStep(engine, network, image, batchSize, 'training', execution, batchMoments);
  const loader = createBatchLoader(training, image, batchSize);
  const state = uploadState(values);
  const found = new Map<string, ChannelStatistics[]>(layers.map((layer) => [layer, []]));
  for (let batch = 0; batch < batches; batch++) {
    const indices = Uint32Array.from(order.slice(batch * batchSize, (batch + 1) * batchSize));
    const given = {
      ...loader.load(indices),
      ...(network.drawsRandomNumbers && createRandomSeed(document.seed, batch)),
    };
    const results = step.run({ ...state, ...given });
    for (const [layer, list] of found) {
      const read = (name: string): Float64Array => Float64Array.from(results[`${name}/${layer}`]?.dataSync() ?? []);
      list.push({ mean: read('mean'), variance: read('variance') });
    }
    disposeAll({ ...given, ...results });
    await yieldToEvents();
  }
  disposeAll(state);
  step.dispose();

  const precise: StateValues = { ...values };
  const drifts: Extract<AnalysisResult, { kind: 'reestimate' }>['layers'] = [];
  for (const [name, list] of found) {
    const population = combineBatches(list);
    const variable = (kind: string): string => `${statisticPrefix}${name}/${kind}`;
    const running = {
      mean: values[variable('runningMean')]?.values ?? [],
      variance: values[variable('runningVariance')]?.values ?? [],
    };
    const drift = distanceFromPopulation(running, population);
    drifts.push({ name, meanDrift: average(drift.mean), deviationDrift: average(drift.deviation) });
    const shape = [population.mean.length];
    precise[variable('runningMean')] = { shape, values: Float32Array.from(population.mean) };
    precise[variable('runningVariance')] = { shape, values: Float32Array.from(population.variance) };
  }
  return {
    kind: 'reestimate',
    images: batches * batchSize,
    before: await evaluateValues(run, network, values),
    after: await evaluateValues(run, network, precise),
    layers: drifts,
  };
}

/** True where the running averages are of what the linear map gives with the kernel as it is. */
function isOfKernel(values: StateValues, layer: string): boolean {
  return (
    values[`${parameterPrefix}${layer}/direction`] === undefined &&
    values[`${statisticPrefix}${layer}/runningMean`] !== undefined
  );
}

/** Over channels that have a value. */
function average(values: Float64Array): number {
  const present = values.filter((value) => !Number.isNaN(value));
  return present.reduce((sum, value) => sum + value, 0) / present.length;
}
