import { add, tensor1d, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { StepOperations, TensorRecord, TensorSpecification } from './engines/engine.ts';

/** The seed of one step's random numbers, among its inputs. */
export const randomSeedSpecification = {
  randomSeed: { shape: [2], dtype: 'int32' },
} as const satisfies Record<string, TensorSpecification>;

/** The input `randomSeed` of a step: by the run's seed and the step's index alone. The caller owns it. */
export function createRandomSeed(seed: number, step: number): TensorRecord {
  return { randomSeed: tensor1d(words(seed, `noise/${step}`), 'int32') };
}

/** Random numbers within a step. */
export interface RandomSource {
  /** Independent uniform values in [0, 1). The same purpose gives the same values again, another one others. */
  uniform(purpose: string, shape: readonly number[]): Tensor;
  /** Independent standard normal values. */
  normal(purpose: string, shape: readonly number[]): Tensor;
}

/** @param owner Keeps purposes of equal name apart: the layer that draws. */
export function createRandomSource(
  randomSeed: Tensor1D | undefined,
  operations: StepOperations,
  owner: string,
): RandomSource {
  const seedFor = (purpose: string): Tensor1D => {
    if (!randomSeed) throw new Error(`${owner} draws random numbers for ${purpose}, but the step has no seed`);
    // Sums of int32 wrap around; TensorFlow scrambles what it is given.
    return add(randomSeed, tensor1d(words(0, `${owner}/${purpose}`), 'int32'));
  };
  return {
    uniform: (purpose, shape) => operations.randomUniform(shape, seedFor(purpose)),
    normal: (purpose, shape) => operations.randomNormal(shape, seedFor(purpose)),
  };
}

function words(seed: number, purpose: string): Int32Array {
  const stream = createRandomStream(seed, purpose);
  return Int32Array.of(stream.uint32(), stream.uint32());
}
