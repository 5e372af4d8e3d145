import { cast, greaterEqual, mul, type Tensor } from '@tensorflow/tfjs-core';
import type { RandomSource } from './randomSource.ts';

/**
 * Inverted dropout of training: out = x·m/(1 − p), each m of its own 0 with probability p and else 1,
 * for every value of [M,H,W,C] or [M,C]. Gradient with upstream u: u·m/(1 − p). Evaluation leaves x alone.
 * Source: Srivastava et al. 2014; Luo et al. 2019, section 6.
 * @param ratio p, from 0 to below 1.
 */
export function dropOut(x: Tensor, ratio: number, random: RandomSource): Tensor {
  const kept = cast(greaterEqual(random.uniform('dropout', x.shape), ratio), 'float32');
  return mul(x, mul(kept, 1 / (1 - ratio)));
}
