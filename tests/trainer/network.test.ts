import { tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageShape, NetworkLayer } from '#shared/domain/architecture.ts';
import { architectureLayers, architectureSchema } from '#shared/domain/architectures/index.ts';
import type { MethodSettings } from '#shared/domain/methods/index.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { Engine, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { createNetwork, type Network } from '#trainer/network.ts';
import { createOptimizer } from '#trainer/optimizer.ts';
import { countParameters, createInitialState, uploadState } from '#trainer/state.ts';
import { lossAndGradients } from '#trainer/steps/losses.ts';
import { disposeAll, readScalar } from '#trainer/tensors.ts';

const batchNorm: MethodSettings = { id: 'batchNorm', epsilon: 1e-5, runningMomentum: 0.9 };
const sgd = createOptimizer({ id: 'sgd', momentum: 0.9, weightDecay: 0 });
const image: ImageShape = [4, 4, 2];
const batchSize = 5;

/** Every kind of layer once, with a stride and without padding; a ReLU after one normalizer only. */
const layers: NetworkLayer[] = [
  {
    type: 'convolution',
    name: 'conv1',
    kernelSize: 3,
    channels: 3,
    stride: 1,
    padding: 'same',
    normalizable: true,
    activation: 'relu',
  },
  { type: 'maxPool', size: 2, stride: 1 },
  {
    type: 'convolution',
    name: 'conv2',
    kernelSize: 2,
    channels: 3,
    stride: 1,
    padding: 'valid',
    normalizable: true,
    activation: 'none',
  },
  { type: 'flatten' },
  { type: 'dense', name: 'fc1', channels: 3, normalizable: false, activation: 'none' },
];

describe('createNetwork', () => {
  it('counts the parameters of the paper’s CNN', () => {
    const shape: ImageShape = [32, 32, 3];
    const paper = architectureLayers(architectureSchema.parse({ id: 'paper-cnn' }), shape, 10);
    // Kernels and biases: 8,459,818 (science notes, section 6).
    expect(countParameters(createNetwork(paper, shape, { id: 'none' }, 'all'))).toBe(8_459_818);
    // A normalized layer has γ and β for its bias: 32 + 32 + 64 + 64 + 512 more.
    const normalized = createNetwork(paper, shape, batchNorm, 'all');
    expect(countParameters(normalized)).toBe(8_459_818 + 704);
    expect(normalized.normalizedLayers).toEqual(['conv1', 'conv2', 'conv3', 'conv4', 'fc1']);
  });

  it('counts the parameters of ResNet-18', () => {
    const shape: ImageShape = [32, 32, 3];
    const resnet = architectureLayers(architectureSchema.parse({ id: 'resnet18' }), shape, 10);
    // By formula in architectures/resnet18Reference.py; also the number that is usually given.
    expect(countParameters(createNetwork(resnet, shape, batchNorm, 'all'))).toBe(11_173_962);
  });

  it('puts the normalizer behind the layers named and a bias behind the others', () => {
    const network = createNetwork(layers, image, batchNorm, ['conv2']);
    expect(Object.keys(network.variables.parameters)).toEqual([
      'conv1/kernel',
      'conv1/bias',
      'conv2/kernel',
      'conv2/gamma',
      'conv2/beta',
      'fc1/kernel',
      'fc1/bias',
    ]);
    expect(Object.keys(network.variables.statistics)).toEqual(['conv2/runningMean', 'conv2/runningVariance']);
  });

  it.each([
    ['conv9', /“conv9”, which is no layer of this network/],
    ['fc1', /“fc1”, which cannot have a normalizer/],
  ])('refuses a normalizer behind %s', (name, message) => {
    expect(() => createNetwork(layers, image, batchNorm, [name])).toThrow(
      expect.objectContaining({ code: 'invalidDocument', message: expect.stringMatching(message) as string }) as Error,
    );
  });

  it('refuses images that its windows do not fit', () => {
    expect(() => createNetwork(layers, [2, 2, 2], batchNorm, 'all')).toThrow(
      expect.objectContaining({ code: 'invalidDocument' }) as Error,
    );
  });
});

describe('createInitialState', () => {
  it('gives methods with the same seed the same kernels, and other seeds others', () => {
    const kernel = (method: MethodSettings, seed: number): Float32Array | Int32Array | undefined =>
      createInitialState(createNetwork(layers, image, method, 'all'), seed, sgd)['parameters/conv1/kernel']?.values;
    expect(kernel(batchNorm, 1)).toEqual(kernel({ id: 'none' }, 1));
    expect(kernel(batchNorm, 2)).not.toEqual(kernel(batchNorm, 1));
  });

  it('draws kernels by He’s rule and starts the rest as the method says', () => {
    const shape: ImageShape = [32, 32, 3];
    const paper = architectureLayers(architectureSchema.parse({ id: 'paper-cnn', widthMultiplier: 0.5 }), shape, 10);
    const state = createInitialState(createNetwork(paper, shape, batchNorm, 'all'), 3, sgd);
    const values = Float64Array.from(state['parameters/fc1/kernel']?.values ?? []);
    const fanIn = 16 * 16 * 32;
    const meanSquare = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(values.length).toBe(fanIn * 256);
    // 2 million draws: the relative standard error of a variance is √(2/n), a thousandth.
    expect(meanSquare / (2 / fanIn)).toBeGreaterThan(0.996);
    expect(meanSquare / (2 / fanIn)).toBeLessThan(1.004);
    expect(new Set(state['parameters/conv1/gamma']?.values)).toEqual(new Set([1]));
    expect(new Set(state['statistics/conv1/runningVariance']?.values)).toEqual(new Set([1]));
    for (const name of ['parameters/conv1/beta', 'statistics/conv1/runningMean', 'slots/momentum/fc2/kernel']) {
      expect(new Set(state[name]?.values), name).toEqual(new Set([0]));
    }
  });
});

describe('gradients of the whole network by finite differences', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ kind: 'javascript' });
  });
  afterAll(() => engine.dispose());

  function evaluate(network: Network, inputs: TensorRecord): TensorRecord {
    const specification = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [
        name,
        { shape, dtype: dtype === 'int32' ? dtype : 'float32' } as const,
      ]),
    );
    const step = engine.createStep({
      name: 'gradients',
      inputs: specification,
      body(given, operations) {
        const { loss, logits, statistics, gradients } = lossAndGradients(network, given, operations);
        return { ...gradients, ...statistics, logits, loss };
      },
      mode: 'eager',
      operations: 'composed',
      precision: 'float32',
    });
    return step.run(inputs);
  }

  it.each<[string, MethodSettings, 'all' | string[]]>([
    ['none', { id: 'none' }, 'all'],
    ['batchNorm', batchNorm, 'all'],
    ['batchNorm at one layer', batchNorm, ['conv2']],
  ])('%s', (_name, method, normalized) => {
    const network = createNetwork(layers, image, method, normalized);
    const random = createRandomStream(11, 'finite differences');
    const state = createInitialState(network, 5, sgd);
    // γ, β and biases away from their special first values.
    for (const [name, { values }] of Object.entries(state)) {
      if (/(gamma|beta|bias)$/.test(name) && name.startsWith('parameters/')) {
        for (let index = 0; index < values.length; index++)
          values[index] = (values[index] ?? 0) + 0.3 * random.normal();
      }
    }
    const parameters = Object.entries(state).filter(([name]) => !name.startsWith('slots/'));
    const pixels = random.normals(batchSize * 4 * 4 * 2, 1);
    const run = (): TensorRecord => {
      const inputs = {
        ...uploadState(Object.fromEntries(parameters)),
        images: tensor(pixels, [batchSize, ...image]),
        labels: tensor([0, 1, 2, 0, 1], [batchSize], 'int32'),
      };
      const results = evaluate(network, inputs);
      disposeAll(inputs);
      return results;
    };
    const results = run();
    for (const [name, { values }] of parameters) {
      if (!name.startsWith('parameters/')) continue;
      const gradient = results[name.slice('parameters/'.length)]?.dataSync() ?? [];
      for (let index = 0; index < values.length; index += Math.max(1, Math.floor(values.length / 4))) {
        const original = values[index] ?? 0;
        const lossAt = (value: number): number => {
          values[index] = value;
          const shifted = run();
          const loss = readScalar(shifted, 'loss');
          disposeAll(shifted);
          values[index] = original;
          return loss;
        };
        // Rounding of float32 losses and curvature each leave less than 2e-3. Where a kink of ReLU or
        // pooling lies within the step on one side, the difference of the other side is the gradient.
        const h = 1 / 1024;
        const [above, at, below] = [lossAt(original + h), lossAt(original), lossAt(original - h)];
        const differences = [(above - below) / (2 * h), (above - at) / h, (at - below) / h];
        const error = Math.min(...differences.map((difference) => Math.abs(difference - (gradient[index] ?? NaN))));
        expect(error, `${name}[${index}]`).toBeLessThan(2e-3);
      }
    }
    disposeAll(results);
    expect(engine.memory().tensorCount).toBe(0);
  });
});
