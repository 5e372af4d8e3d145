import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import type { StepDefinition, TensorSpecification } from '../engines/engine.ts';
import type { Network, NetworkInputs } from '../network.ts';
import type { Optimizer } from '../optimizer.ts';
import { randomSeedSpecification } from '../randomSource.ts';
import { requireTensor, selectByPrefix } from '../tensors.ts';
import type { VariableDefinition } from '../methods/method.ts';

/** Parts of the training state, as prefixes of the names of tensors in steps and checkpoints. */
export const statePrefixes = { parameters: 'parameters/', slots: 'slots/', statistics: 'statistics/' } as const;

export type StepExecution = Pick<StepDefinition, 'mode' | 'operations' | 'precision'>;

export type StepInputs = Parameters<StepDefinition['body']>;

export function specifications(
  variables: Record<string, VariableDefinition>,
  prefix: string,
): Record<string, TensorSpecification> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, { shape }]) => [prefix + name, { shape, dtype: 'float32' }]),
  );
}

/** Shape of every tensor that training changes: parameters, optimizer slots, statistics. */
export function stateSpecifications(network: Network, optimizer: Optimizer): Record<string, TensorSpecification> {
  const { parameters, statistics } = network.variables;
  return {
    ...specifications(parameters, statePrefixes.parameters),
    ...Object.fromEntries(
      optimizer.slots.flatMap((slot) => Object.entries(specifications(parameters, `${statePrefixes.slots}${slot}/`))),
    ),
    ...specifications(statistics, statePrefixes.statistics),
  };
}

export function variableSpecifications(network: Network): Record<string, TensorSpecification> {
  return {
    ...specifications(network.variables.parameters, statePrefixes.parameters),
    ...specifications(network.variables.statistics, statePrefixes.statistics),
  };
}

export function batchSpecifications(
  { loss }: Network,
  image: ImageShape,
  size: number,
): Record<string, TensorSpecification> {
  const dtype = loss === 'crossEntropy' ? 'int32' : 'float32';
  return { ...imagesSpecification(image, size), labels: { shape: [size], dtype } };
}

/** `images` [size,H,W,C]. */
export function imagesSpecification(image: ImageShape, size: number): Record<string, TensorSpecification> {
  return { images: { shape: [size, ...image], dtype: 'float32' } };
}

/** Of a pass in training: parameters, statistics, a batch, and where the network draws random numbers their seed. */
export function trainingPassSpecifications(
  network: Network,
  image: ImageShape,
  size: number,
): Record<string, TensorSpecification> {
  return {
    ...variableSpecifications(network),
    ...batchSpecifications(network, image, size),
    ...(network.drawsRandomNumbers && randomSeedSpecification),
  };
}

export function populationSpecifications(image: ImageShape, size: number | null): Record<string, TensorSpecification> {
  return size === null ? {} : { population: { shape: [size, ...image], dtype: 'float32' } };
}

/** What a pass through the network reads, from the inputs of a step. */
export function networkInputs(inputs: StepInputs[0], operations: StepInputs[1], images = 'images'): NetworkInputs {
  return {
    images: requireTensor(inputs, images) as Tensor4D,
    parameters: selectByPrefix(inputs, statePrefixes.parameters),
    statistics: selectByPrefix(inputs, statePrefixes.statistics),
    operations,
    randomSeed: inputs['randomSeed'] as Tensor1D | undefined,
  };
}
