import {
  add,
  cast,
  div,
  equal,
  matMul,
  mean,
  mul,
  reshape,
  rsqrt,
  square,
  sub,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { batchAxes } from '../methods/statistics.ts';

/**
 * Excess kurtosis m₄/m₂² − 3 of each channel over images and positions, [C], with central moments of
 * 1/n; NaN for a channel that is constant.
 */
export function channelKurtosis(h: Tensor): Tensor {
  const axes = batchAxes(h);
  const squares = square(sub(h, mean(h, axes)));
  return sub(div(mean(square(squares), axes), square(mean(squares, axes))), 3);
}

/** Pearson correlations between the channels of h over images and positions, [C,C]; 0 with a channel that is constant. */
export function channelCorrelations(h: Tensor): Tensor {
  const channels = h.shape[h.rank - 1] ?? 1;
  const rows = h.size / channels;
  const axes = batchAxes(h);
  const centred = sub(h, mean(h, axes));
  const variance = mean(square(centred), axes);
  // A constant channel is 0 after centring, and stays so.
  const isConstant = cast(equal(variance, 0), 'float32');
  const z = reshape(mul(centred, rsqrt(add(variance, isConstant))), [rows, channels]);
  return div(matMul(z, z, true, false), rows);
}

/**
 * Mean of |r| over pairs of different channels.
 * @param correlations [C,C], row-major; a channel whose own correlation is below ½ is constant and left out.
 * @returns NaN where there are fewer than two channels that vary.
 */
export function meanAbsoluteCorrelation(correlations: ArrayLike<number>, channels: number): number {
  const at = (row: number, column: number): number => correlations[row * channels + column] ?? NaN;
  const varying = Array.from({ length: channels }, (_, channel) => channel).filter(
    (channel) => !(at(channel, channel) < 0.5),
  );
  let sum = 0;
  for (const row of varying) for (const column of varying) if (row !== column) sum += Math.abs(at(row, column));
  return sum / (varying.length * (varying.length - 1));
}
