import { tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageShape, NetworkLayer } from '#shared/domain/architecture.ts';
import { methodSchema } from '#shared/domain/methods/index.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { Engine, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { drawLabels, takePopulationStatistics } from '#trainer/fisherInformation.ts';
import { createNetwork } from '#trainer/network.ts';
import { createOptimizer } from '#trainer/optimizer.ts';
import { createRandomSeed, createRandomSource, randomSeedSpecification } from '#trainer/randomSource.ts';
import { createInitialState, uploadState, type StateValues } from '#trainer/state.ts';
import { disposeAll, requireTensor } from '#trainer/tensors.ts';
import * as reference from '../../conformance/float64Reference.ts';
import { runOnce, stepVariants } from '../../conformance/stepTools.ts';
import { testEngines } from '../../engines.ts';

const sgd = createOptimizer({ id: 'sgd', momentum: 0.9, weightDecay: 0 });
const imageCount = 12;
const image: ImageShape = [2, 2, 1];
const epsilon = 1e-5;
const channels = 2;
const classCount = 3;
const targetBatchSize = 16;
/** conv1 and fc1 with population normalization, both with gamma decay or the first only; fc2 without. */
const layers: NetworkLayer[] = [
  {
    type: 'convolution',
    name: 'conv1',
    kernelSize: 3,
    channels,
    stride: 1,
    padding: 'same',
    normalizable: true,
    activation: 'relu',
  },
  { type: 'flatten' },
  { type: 'dense', name: 'fc1', channels, normalizable: true, activation: 'relu' },
  { type: 'dense', name: 'fc2', channels: classCount, normalizable: false, activation: 'none' },
];

type Values = Record<string, Float64Array>;

/** Mean and biased variance over rows, float64. */
const moments = (x: Float64Array) => {
  const ones = new Float64Array(channels).fill(1);
  const { mean, variance } = reference.batchNorm(x, ones, new Float64Array(channels), epsilon);
  return { mean, variance };
};
const at = (values: ArrayLike<number>, index: number): number => values[index] ?? NaN;

function affine(
  x: Float64Array,
  { mean, variance }: ReturnType<typeof moments>,
  gamma: Float64Array,
  beta: Float64Array,
) {
  const z = x.map(
    (value, index) => (value - at(mean, index % channels)) / Math.sqrt(at(variance, index % channels) + epsilon),
  );
  return { z, output: z.map((value, index) => at(gamma, index % channels) * value + at(beta, index % channels)) };
}
const relu = (x: Float64Array): Float64Array => x.map((value) => Math.max(0, value));

/** The loss of each image with the statistics given, or of the images themselves. */
function forward(images: Float64Array, p: Values, labels: readonly number[], given?: ReturnType<typeof moments>[]) {
  const count = labels.length;
  const h1 = reference.conv2dSame(images, [count, 2, 2, 1], p['conv1/kernel'] as Float64Array, [3, 3, 1, channels]);
  const first = given?.[0] ?? moments(h1);
  const one = affine(h1, first, p['conv1/gamma'] as Float64Array, p['conv1/beta'] as Float64Array);
  const h2 = reference.matMul(relu(one.output), p['fc1/kernel'] as Float64Array, 4 * channels);
  const second = given?.[1] ?? moments(h2);
  const two = affine(h2, second, p['fc1/gamma'] as Float64Array, p['fc1/beta'] as Float64Array);
  const logits = reference
    .matMul(relu(two.output), p['fc2/kernel'] as Float64Array, channels)
    .map((value, index) => value + at(p['fc2/bias'] as Float64Array, index % classCount));
  return {
    losses: reference.softmaxCrossEntropy(logits, labels),
    logits,
    z: [one.z, two.z],
    statistics: [first, second],
  };
}

/** ζ of a channel by its definition: noise from image to image, cost by the gradients of each image. */
function zetaOf(z: Float64Array, channel: number, gradients: { gamma: number; beta: number }[], skew: boolean): number {
  const positions = z.length / imageCount / channels;
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const ofImages = Array.from({ length: imageCount }, (_, index) =>
    Array.from({ length: positions }, (_value, position) => at(z, (index * positions + position) * channels + channel)),
  );
  const means = ofImages.map(mean);
  const squares = ofImages.map((values) => mean(values.map((value) => value ** 2)));
  const covariance = (a: number[], b: number[]): number =>
    mean(a.map((value, index) => (value - mean(a)) * (at(b, index) - mean(b))));
  const independent =
    (covariance(squares, squares) / (4 * targetBatchSize)) * mean(gradients.map(({ gamma }) => gamma ** 2)) +
    (covariance(means, means) / targetBatchSize) * mean(gradients.map(({ beta }) => beta ** 2));
  const shared =
    (covariance(means, squares) / (2 * targetBatchSize)) * mean(gradients.map(({ gamma, beta }) => gamma * beta));
  return independent / 2 + (skew ? shared : 0);
}

for (const { name, location } of testEngines) {
  describe.runIf(location)(`Fisher information on ${name}${location ? '' : ' (not on this machine)'}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      if (location) engine = await openEngine(location);
    });
    afterAll(() => engine.dispose());
    const variants = name === 'javascript' ? stepVariants.slice(0, 1) : stepVariants;

    it.each([
      ['at both layers', 'all', false],
      ['with the skew correction', 'all', true],
      ['before a layer of plain population normalization', ['conv1'], false],
    ] as const)('gives ζ as gradients of single images by finite differences do, %s', (_title, decayed, skew) => {
      const decay = methodSchema.parse({
        id: 'populationNormGammaDecay',
        curvature: 'fisher',
        skewCorrection: skew,
        images: imageCount,
        targetBatchSize,
        epsilon,
      });
      const plain = methodSchema.parse({ id: 'populationNorm', images: imageCount, epsilon });
      const network = createNetwork(layers, image, decay, 'all', {
        layerMethods: decayed === 'all' ? {} : { fc1: plain },
        dropout: { ratio: 0, placement: 'afterNormalizer', layers: 'all' },
      });
      expect(network.drawsRandomNumbers).toBe(true);
      const random = createRandomStream(3, 'Fisher information');
      const state: StateValues = Object.fromEntries(
        Object.entries(createInitialState(network, 2, sgd)).filter(([variable]) => !variable.startsWith('slots/')),
      );
      for (const [variable, { values }] of Object.entries(state)) {
        if (!/(gamma|beta|bias)$/.test(variable)) continue;
        values.forEach((value, index) => (values[index] = Math.fround(value + 0.4 * random.normal())));
      }
      const pixels = random.normals(imageCount * 4, 1);

      for (const variant of variants) {
        const inputs: TensorRecord = {
          ...uploadState(state),
          images: tensor(pixels, [imageCount, ...image]),
          ...createRandomSeed(5, 0),
        };
        const step = engine.createStep({
          name: 'fisher',
          inputs: {
            ...Object.fromEntries(
              Object.entries(inputs).map(([key, { shape }]) => [key, { shape, dtype: 'float32' as const }]),
            ),
            ...randomSeedSpecification,
          },
          body(given, operations) {
            const part = (prefix: string): TensorRecord =>
              Object.fromEntries(
                Object.entries(given).flatMap(([key, value]) =>
                  key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
                ),
              );
            const passInputs = {
              images: requireTensor(given, 'images') as Tensor4D,
              parameters: part('parameters/'),
              statistics: part('statistics/'),
              operations,
              randomSeed: requireTensor(given, 'randomSeed') as never,
            };
            const { logits } = network.forwardPopulation(passInputs);
            const labels = drawLabels(logits, createRandomSource(passInputs.randomSeed, operations, 'population'));
            return { ...takePopulationStatistics(network, passInputs), labels, logits };
          },
          precision: 'float32',
          ...variant,
        });
        const results = step.run(inputs);
        const read = (key: string): number[] => Array.from(requireTensor(results, key).dataSync());
        const labels = read('labels');
        expect(new Set(labels).size).toBe(classCount);

        const p: Values = Object.fromEntries(
          Object.entries(state)
            .filter(([variable]) => variable.startsWith('parameters/'))
            .map(([variable, { values }]) => [variable.slice('parameters/'.length), Float64Array.from(values)]),
        );
        const base = forward(Float64Array.from(pixels), p, labels);
        base.logits.forEach((value, index) => expect(at(read('logits'), index)).toBeCloseTo(value, 4));
        const normalized = decayed === 'all' ? ['conv1', 'fc1'] : ['conv1'];
        for (const layer of normalized) {
          const gradientsOf = (variable: string): Float64Array[] =>
            Array.from({ length: imageCount }, (_, index) =>
              reference.numericGradient(
                (values) => {
                  const moved = { ...p, [`${layer}/${variable}`]: values };
                  const one = Float64Array.from(pixels.subarray(index * 4, (index + 1) * 4));
                  return at(forward(one, moved, [at(labels, index)], base.statistics).losses, 0);
                },
                p[`${layer}/${variable}`] as Float64Array,
              ),
            );
          const [ofGamma, ofBeta] = [gradientsOf('gamma'), gradientsOf('beta')];
          const z = base.z[layer === 'conv1' ? 0 : 1] as Float64Array;
          for (let channel = 0; channel < channels; channel += 1) {
            const gradients = ofGamma.map((gamma, index) => ({
              gamma: at(gamma, channel),
              beta: at(ofBeta[index] ?? [], channel),
            }));
            const expected = zetaOf(z, channel, gradients, skew);
            expect(Math.abs(at(read(`${layer}/zeta`), channel) / expected - 1), `${layer} ${channel}`).toBeLessThan(
              2e-4,
            );
          }
          const statistics = base.statistics[layer === 'conv1' ? 0 : 1];
          read(`${layer}/populationVariance`).forEach((value, index) =>
            expect(value / at(statistics?.variance ?? [], index)).toBeCloseTo(1, 4),
          );
        }
        disposeAll(inputs);
        disposeAll(results);
        step.dispose();
      }
      expect(engine.memory().tensorCount).toBe(0);
    });

    it('draws labels with the model’s probabilities', () => {
      const count = 20_000;
      const logits = [0.5, -1, 1.2];
      const rows = { shape: [count, 3], values: Array.from({ length: count }, () => logits).flat() };
      const { labels = [] } = runOnce(
        engine,
        { mode: 'compiled', operations: 'fused' },
        { rows, seed: { shape: [2], values: [1, 2], dtype: 'int32' } },
        (given, operations) => ({
          labels: drawLabels(
            given['rows'] as never,
            createRandomSource(given['seed'] as never, operations, 'population'),
          ),
        }),
      );
      const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
      logits.forEach((value, label) => {
        const probability = Math.exp(value) / total;
        const share = Array.from(labels).filter((drawn) => drawn === label).length / count;
        expect(Math.abs(share - probability)).toBeLessThan(4 * Math.sqrt((probability * (1 - probability)) / count));
      });
    });
  });
}
