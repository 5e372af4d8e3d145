import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { tensor } from '@tensorflow/tfjs-core';
import type { SampleReader } from '#files/datasetFolder.ts';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { Engine, Step, TensorRecord } from './engines/engine.ts';
import type { Network } from './network.ts';
import type { StepExecution } from './steps/inputs.ts';
import { createPopulationStep } from './steps/training.ts';
import { disposeAll, requireTensor } from './tensors.ts';

/** Images of the precise pass before an evaluation: as many as the paper takes. */
const preciseImages = 10_000;

/** The training images that a network's population statistics are taken from. */
export interface Population {
  size: number;
  isDue(step: number): boolean;
  /** Calls `use` with `population` [n,H,W,C], the images of this step. */
  withImages<Result>(step: number, use: (population: TensorRecord) => Result): Result;
  /** Statistics for evaluation by up to 10,000 images. The caller owns them. */
  preciseStatistics(state: TensorRecord): Promise<TensorRecord>;
  dispose(): void;
}

/**
 * Chooses images by the stream `population` of the seed: one permutation of the training images, of
 * which a fixed subset is the beginning, a rotating one the next stretch at each refresh, around and
 * around; so the choice is a function of seed and step alone. Null where the network takes nothing
 * from a population.
 *
 * The precise pass goes through the first min(10,000, n) images in chunks as large as the population.
 * Each chunk is normalized with statistics of its own on its way, and theirs are put together: the
 * mean of the means, the mean of the variances plus the variance of the means (Wu & Johnson 2021).
 */
export function createPopulation(
  engine: Engine,
  network: Network,
  image: ImageShape,
  training: SampleReader,
  seed: number,
  execution: StepExecution,
): Population | null {
  if (network.population === null) return null;
  const { images: size, subset, refreshEvery } = network.population;
  const order = Uint32Array.from(createRandomStream(seed, 'population').permutation(training.count));
  const pixels = new Float32Array(size * training.imageLength);
  const precise = createPopulationStep(engine, network, image, size, execution);
  let fixed: TensorRecord | null = null;

  const load = (start: number): TensorRecord => {
    const indices = Uint32Array.from({ length: size }, (_, index) => order[(start + index) % order.length] ?? 0);
    training.gatherStandardized(indices, pixels);
    return { population: tensor(pixels, [size, ...image], 'float32') };
  };
  return {
    size,
    isDue: (step) => step % refreshEvery === 0,
    withImages(step, use) {
      if (subset === 'fixed') return use((fixed ??= load(0)));
      const images = load((Math.floor(step / refreshEvery) * size) % order.length);
      try {
        return use(images);
      } finally {
        disposeAll(images);
      }
    },
    async preciseStatistics(state) {
      const moments = new RunningMoments();
      for (let start = 0; start + size <= Math.min(preciseImages, order.length); start += size) {
        const images = load(start);
        const results = precise.run({ ...state, ...images });
        moments.add(results);
        disposeAll(results);
        disposeAll(images);
        await yieldToEvents();
      }
      return moments.result();
    },
    dispose() {
      precise.dispose();
      if (fixed) disposeAll(fixed);
    },
  };
}

/** A step that takes population statistics first where they are due. */
export interface PopulationAwareStep {
  run(stepIndex: number, inputs: TensorRecord): TensorRecord;
  dispose(): void;
}

/** @param create Makes the training step for that many population images. */
export function createPopulationAwareStep(
  population: Population | null,
  create: (populationSize: number | null) => Step,
): PopulationAwareStep {
  const steps = new Map<number | null, Step>();
  const stepFor = (size: number | null): Step => {
    const step = steps.get(size) ?? create(size);
    steps.set(size, step);
    return step;
  };
  // Compiled before the first step is timed.
  stepFor(population?.size ?? null);
  return {
    run: (stepIndex, inputs) =>
      population?.isDue(stepIndex)
        ? population.withImages(stepIndex, (images) => stepFor(population.size).run({ ...inputs, ...images }))
        : stepFor(null).run(inputs),
    dispose: () => steps.forEach((step) => step.dispose()),
  };
}

/** Puts means and variances of chunks of equal size together, channel by channel, in float64. */
class RunningMoments {
  readonly #layers = new Map<
    string,
    { count: number; mean: Float64Array; within: Float64Array; between: Float64Array }
  >();

  add(statistics: TensorRecord): void {
    for (const name of Object.keys(statistics)) {
      if (!name.endsWith('/populationMean')) continue;
      const layer = name.slice(0, -'populationMean'.length);
      const mean = requireTensor(statistics, name).dataSync();
      const variance = requireTensor(statistics, `${layer}populationVariance`).dataSync();
      const zeros = (): Float64Array => new Float64Array(mean.length);
      const sums = this.#layers.get(layer) ?? { count: 0, mean: zeros(), within: zeros(), between: zeros() };
      this.#layers.set(layer, sums);
      sums.count += 1;
      mean.forEach((value, channel) => {
        // Welford: sum of squared deviations of the means from their mean.
        const before = value - (sums.mean[channel] ?? 0);
        sums.mean[channel] = (sums.mean[channel] ?? 0) + before / sums.count;
        sums.between[channel] = (sums.between[channel] ?? 0) + before * (value - (sums.mean[channel] ?? 0));
        sums.within[channel] = (sums.within[channel] ?? 0) + (variance[channel] ?? 0);
      });
    }
  }

  result(): TensorRecord {
    const statistics: TensorRecord = {};
    for (const [layer, { count, mean, within, between }] of this.#layers) {
      const variance = within.map((value, channel) => (value + (between[channel] ?? 0)) / count);
      statistics[`${layer}populationMean`] = tensor(Float32Array.from(mean), [mean.length], 'float32');
      statistics[`${layer}populationVariance`] = tensor(Float32Array.from(variance), [mean.length], 'float32');
    }
    return statistics;
  }
}
