import type { DatasetDocument } from '#shared/domain/dataset.ts';

export interface ChannelStatistics {
  /** Adds interleaved pixels [..., channels]. */
  add(pixels: Uint8Array): void;
  /**
   * Mean and standard deviation (over all pixels, not n − 1) of each channel, pixels scaled to 0…1.
   * A channel of one value only has standard deviation 1, so that standardising gives zeros.
   */
  normalization(): DatasetDocument['normalization'];
}

/**
 * Counts how often each byte occurs in each channel. Sums over counts are exact integers, so that
 * mean and deviation do not depend on the order or the number of images.
 */
export function createChannelStatistics(channels: number): ChannelStatistics {
  const counts = new Float64Array(channels * 256);

  return {
    add(pixels) {
      // Small integers count several times as fast as doubles; a piece has far fewer than 2³² pixels.
      const piece = new Uint32Array(channels * 256);
      for (let start = 0; start < pixels.length; start += channels) {
        for (let channel = 0; channel < channels; channel++) {
          const cell = channel * 256 + (pixels[start + channel] ?? 0);
          piece[cell] = (piece[cell] ?? 0) + 1;
        }
      }
      for (const [cell, count] of piece.entries()) counts[cell] = (counts[cell] ?? 0) + count;
    },

    normalization() {
      const mean: number[] = [];
      const standardDeviation: number[] = [];
      for (let channel = 0; channel < channels; channel++) {
        let total = 0n;
        let sum = 0n;
        let sumOfSquares = 0n;
        for (let byte = 0; byte < 256; byte++) {
          const count = BigInt(counts[channel * 256 + byte] ?? 0);
          total += count;
          sum += count * BigInt(byte);
          sumOfSquares += count * BigInt(byte * byte);
        }
        if (total === 0n) throw new RangeError('there are no pixels to compute statistics of');
        mean.push(Number(sum) / Number(total * 255n));
        // Variance·n² as an exact integer: nothing cancels.
        const scaledVariance = total * sumOfSquares - sum * sum;
        standardDeviation.push(scaledVariance === 0n ? 1 : Math.sqrt(Number(scaledVariance)) / Number(total * 255n));
      }
      return { mean, standardDeviation };
    },
  };
}
