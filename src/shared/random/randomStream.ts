import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { normalQuantile } from './normalQuantile.ts';
import { philox4x32 } from './philox.ts';

/**
 * A stream of random numbers that depends on seed and purpose only: the same on every machine, and
 * independent of what other streams have drawn.
 */
export interface RandomStream {
  /** Uniform over all unsigned 32-bit integers. */
  uint32(): number;
  /** Uniform in [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Uniform in 0 … bound − 1, without bias; bound at most 2³². */
  integer(bound: number): number;
  /** A uniformly random order of 0 … count − 1 (Fisher–Yates). */
  permutation(count: number): Uint32Array;
  /** `count` independent normals with this standard deviation, rounded to float32. */
  normals(count: number, standardDeviation: number): Float32Array;
}

/**
 * @param seed Unsigned 32-bit integer.
 * @param purpose What it is for, as in `order/3` or `initial/conv1/kernel`; streams with another
 *   purpose are independent. It is hashed into the generator's key (Philox4x32-10, SHA-256).
 */
export function createRandomStream(seed: number, purpose: string): RandomStream {
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) {
    throw new RangeError(`seed must be an integer from 0 to 4294967295, not ${seed}`);
  }
  const digest = sha256(utf8ToBytes(`${seed}/${purpose}`));
  const words = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  const key = Uint32Array.of(words.getUint32(0, true), words.getUint32(4, true));
  // Two words count blocks; the other two come from the hash and keep streams apart.
  const counter = Uint32Array.of(0, 0, words.getUint32(8, true), words.getUint32(12, true));
  const block = new Uint32Array(4);
  let position = 4;

  function uint32(): number {
    if (position === 4) {
      philox4x32(counter, key, block);
      counter[0] = (counter[0] ?? 0) + 1;
      if (counter[0] === 0) counter[1] = (counter[1] ?? 0) + 1;
      position = 0;
    }
    return block[position++] ?? 0;
  }

  function uniform(): number {
    const high = uint32() >>> 5;
    const low = uint32() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }

  function normal(): number {
    // The middle of one of 2⁵² intervals: never 0 or 1, and both tails alike.
    const high = uint32() >>> 6;
    const low = uint32() >>> 6;
    return normalQuantile((high * 0x400_0000 + low + 0.5) / 0x10_0000_0000_0000);
  }

  function integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 0x1_0000_0000) {
      throw new RangeError(`bound must be an integer from 1 to 4294967296, not ${bound}`);
    }
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    for (;;) {
      const word = uint32();
      if (word < limit) return word % bound;
    }
  }

  function permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, index) => index);
    for (let last = count - 1; last > 0; last--) {
      const other = integer(last + 1);
      const held = order[last] ?? 0;
      order[last] = order[other] ?? 0;
      order[other] = held;
    }
    return order;
  }

  function normals(count: number, standardDeviation: number): Float32Array {
    const values = new Float32Array(count);
    for (let index = 0; index < count; index++) values[index] = normal() * standardDeviation;
    return values;
  }

  return { uint32, uniform, normal, integer, permutation, normals };
}
