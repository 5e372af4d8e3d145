import { tensor } from '@tensorflow/tfjs-core';
import type { NetworkLayer } from '#shared/domain/architecture.ts';
import { methodVerification } from '#shared/domain/methodVerification.ts';
import type { MethodSettings } from '#shared/domain/methods/index.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { TensorRecord } from '../engines/engine.ts';
import { createNetwork, type Network } from '../network.ts';
import { createOptimizer } from '../optimizer.ts';
import { createRandomSeed } from '../randomSource.ts';
import { createInitialState, type StateValues } from '../state.ts';
import { statePrefixes } from '../steps/inputs.ts';

const { image, seed, batchSize, populationSize, classCount } = methodVerification;
/** As in a run with plain momentum. */
export const optimizer = createOptimizer({ id: 'sgd', momentum: methodVerification.momentum, weightDecay: 0 });
const imageLength = image[0] * image[1] * image[2];

/** What is checked: a method at every layer that can have one, and dropout behind it. */
export interface CheckedSettings {
  method: MethodSettings;
  dropoutRatio: number;
}

export function createCheckedNetwork(
  layers: readonly NetworkLayer[],
  { method, dropoutRatio }: CheckedSettings,
): Network {
  return createNetwork(layers, image, method, 'all', {
    layerMethods: {},
    dropout: { ratio: dropoutRatio, placement: 'afterNormalizer', layers: 'all' },
  });
}

/** The values that every check of a method begins with: kernels as in a run of this seed, all others drawn too. */
export function createFixedState(network: Network): StateValues {
  const state = createInitialState(network, seed, optimizer);
  for (const [name, { initial }] of Object.entries(network.variables.parameters)) {
    if (initial.kind !== 'constant') continue;
    const { shape, values } = state[statePrefixes.parameters + name] ?? { shape: [], values: new Float32Array() };
    const stream = createRandomStream(seed, methodVerification.parameterStream(name));
    state[statePrefixes.parameters + name] = {
      shape,
      values: Float32Array.from(values, () => methodVerification.parameterValue(name, stream.normal())),
    };
  }
  return state;
}

/** `images` and `labels` of a step, and the seed of its random numbers where the network draws some. */
export function createFixedBatch(network: Network, step: number): TensorRecord {
  const pixels = createRandomStream(seed, methodVerification.imageStream(step)).normals(batchSize * imageLength, 1);
  const stream = createRandomStream(seed, methodVerification.labelStream(step));
  const labels = Int32Array.from({ length: batchSize }, () => stream.integer(classCount));
  return {
    images: tensor(pixels, [batchSize, ...image], 'float32'),
    labels: tensor(labels, [batchSize], 'int32'),
    ...(network.drawsRandomNumbers && createRandomSeed(seed, step)),
  };
}

/** `population`, where the network takes statistics from one. */
export function createFixedPopulation(network: Network): TensorRecord {
  if (network.population === null) return {};
  const stream = createRandomStream(seed, methodVerification.populationStream);
  const pixels = stream.normals(populationSize * imageLength, 1);
  return { population: tensor(pixels, [populationSize, ...image], 'float32') };
}
