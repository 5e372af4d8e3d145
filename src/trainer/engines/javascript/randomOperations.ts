import { tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import { philox4x32 } from '#shared/random/philox.ts';
import type { RandomOperations } from '../engine.ts';

/** Below this, the logarithm of a uniform value is taken of it instead. */
const smallestUniform = 1e-7;

/** TensorFlow's stateless random operations, value by value as its CPU kernels compute them. */
export const randomOperations: RandomOperations = {
  randomUniform(shape, seed) {
    const values = new Float32Array(sizeOf(shape));
    forEachBlock(seed, values.length, (words, start) => {
      for (let index = 0; index < 4 && start + index < values.length; index++) {
        values[start + index] = toUniform(words[index] ?? 0);
      }
    });
    return tensor(values, [...shape], 'float32');
  },

  randomNormal(shape, seed) {
    const values = new Float32Array(sizeOf(shape));
    forEachBlock(seed, values.length, (words, start) => {
      // Box and Muller: two uniform values give two normal ones, the sine's first.
      for (let pair = 0; pair < 4 && start + pair < values.length; pair += 2) {
        const radius = Math.sqrt(-2 * Math.log(Math.max(toUniform(words[pair] ?? 0), smallestUniform)));
        const angle = 2 * Math.PI * toUniform(words[pair + 1] ?? 0);
        values[start + pair] = Math.sin(angle) * radius;
        if (start + pair + 1 < values.length) values[start + pair + 1] = Math.cos(angle) * radius;
      }
    });
    return tensor(values, [...shape], 'float32');
  },
};

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** The lower 23 bits of a word as a float32 in [0, 1). */
function toUniform(word: number): number {
  return (word & 0x7f_ffff) / 0x80_0000;
}

/**
 * Calls `use` with four words at a time, and the index of the first. The seed, scrambled by one block
 * of the generator, gives its key and the upper half of its counter; the lower half counts blocks.
 */
function forEachBlock(seed: Tensor1D, count: number, use: (words: Uint32Array, start: number) => void): void {
  const [first = 0, second = 0] = seed.dataSync();
  const mixed = new Uint32Array(4);
  // The seeds are 64 bits wide there: a negative one's upper half is all ones.
  philox4x32(
    Uint32Array.of(first, first < 0 ? 0xffff_ffff : 0, second, second < 0 ? 0xffff_ffff : 0),
    Uint32Array.of(0x3ec8f720, 0x02461e29),
    mixed,
  );
  const key = mixed.slice(0, 2);
  const counter = Uint32Array.of(0, 0, mixed[2] ?? 0, mixed[3] ?? 0);
  const words = new Uint32Array(4);
  for (let start = 0; start < count; start += 4) {
    philox4x32(counter, key, words);
    use(words, start);
    counter[0] = (counter[0] ?? 0) + 1;
  }
}
