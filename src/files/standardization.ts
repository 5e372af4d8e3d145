import type { DatasetDocument } from '#shared/domain/dataset.ts';

/**
 * Standardised value of every byte in every channel: (byte/255 − mean_c) / std_c, rounded to float32.
 * @returns [channels, 256].
 */
export function createStandardizationTable({
  mean,
  standardDeviation,
}: DatasetDocument['normalization']): Float32Array {
  const table = new Float32Array(mean.length * 256);
  mean.forEach((channelMean, channel) => {
    const deviation = standardDeviation[channel] ?? 1;
    for (let byte = 0; byte < 256; byte++) table[channel * 256 + byte] = (byte / 255 - channelMean) / deviation;
  });
  return table;
}

/** Writes one image's standardised values to `into` from `offset` on. Looks values up instead of computing them. */
export function standardize(
  pixels: Uint8Array,
  table: Float32Array,
  channels: number,
  into: Float32Array,
  offset: number,
): void {
  if (channels === 3) {
    // The usual case without the inner loop: about three times as fast.
    for (let pixel = 0; pixel < pixels.length; pixel += 3) {
      into[offset + pixel] = table[pixels[pixel] ?? 0] ?? 0;
      into[offset + pixel + 1] = table[256 + (pixels[pixel + 1] ?? 0)] ?? 0;
      into[offset + pixel + 2] = table[512 + (pixels[pixel + 2] ?? 0)] ?? 0;
    }
    return;
  }
  for (let pixel = 0; pixel < pixels.length; pixel += channels) {
    for (let channel = 0; channel < channels; channel++) {
      into[offset + pixel + channel] = table[channel * 256 + (pixels[pixel + channel] ?? 0)] ?? 0;
    }
  }
}
