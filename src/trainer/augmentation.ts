import type { ImageShape } from '#shared/domain/architecture.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';

/** Changes the training images of one step in place. */
export interface Augmentation {
  /** @param images Standardized pixels of the batch of step `step` (from 0), [M,H,W,C]. */
  apply(step: number, images: Float32Array): void;
}

/**
 * Random crops and flips of training images; null where the document has none.
 *
 * A crop of padding n shifts the image by dy and dx, each uniform over −n … n: what it would see of n
 * pixels of zeros around it. They are zeros of standardized pixels, the mean colour, as with the padding
 * of convolutions. A horizontal flip mirrors, with probability ½, what the crop has left.
 *
 * What is drawn for the image at place p of epoch e's order is a function of seed, e and p alone: the
 * stream `augmentation/e` of the seed gives it. So it has no state to restore, and runs that differ in
 * batch size see the same images in the same epoch.
 */
export function createAugmentation(
  { seed, batchSize, augmentation: { cropPadding, horizontalFlip } }: RunDocument,
  [height, width, channels]: ImageShape,
  stepsPerEpoch: number,
): Augmentation | null {
  if (cropPadding === 0 && !horizontalFlip) return null;
  const imageLength = height * width * channels;
  const side = 2 * cropPadding + 1;
  /** dy, dx and whether to mirror of each place of an epoch. */
  const draws = new Int8Array(3 * stepsPerEpoch * batchSize);
  let drawnEpoch = -1;

  function drawEpoch(epoch: number): void {
    const random = createRandomStream(seed, `augmentation/${epoch}`);
    for (let at = 0; at < draws.length; at += 3) {
      // All three are drawn always, so that a flip is the same with and without crops.
      draws[at] = random.integer(side) - cropPadding;
      draws[at + 1] = random.integer(side) - cropPadding;
      draws[at + 2] = random.integer(2);
    }
    drawnEpoch = epoch;
  }

  return {
    apply(step, images) {
      const epoch = Math.floor(step / stepsPerEpoch);
      if (epoch !== drawnEpoch) drawEpoch(epoch);
      const firstDraw = 3 * (step % stepsPerEpoch) * batchSize;
      for (let item = 0; item < batchSize; item++) {
        const image = images.subarray(item * imageLength, (item + 1) * imageLength);
        const at = firstDraw + 3 * item;
        shift(image, draws[at] ?? 0, draws[at + 1] ?? 0, width * channels, channels);
        if (horizontalFlip && draws[at + 2] === 1) mirror(image, width, channels);
      }
    },
  };
}

/** out[y][x] = in[y + dy][x + dx], 0 outside; in place. */
function shift(image: Float32Array, dy: number, dx: number, rowLength: number, channels: number): void {
  if (dy === 0 && dx === 0) return;
  const rows = image.length / rowLength;
  const offset = Math.min(Math.abs(dx) * channels, rowLength);
  for (let index = 0; index < rows; index++) {
    // Rows that are still to be read must not be written before.
    const y = dy >= 0 ? index : rows - 1 - index;
    const start = y * rowLength;
    const source = y + dy;
    if (source < 0 || source >= rows) {
      image.fill(0, start, start + rowLength);
    } else if (dx >= 0) {
      image.copyWithin(start, source * rowLength + offset, (source + 1) * rowLength);
      image.fill(0, start + rowLength - offset, start + rowLength);
    } else {
      image.copyWithin(start + offset, source * rowLength, (source + 1) * rowLength - offset);
      image.fill(0, start, start + offset);
    }
  }
}

/** Reverses the pixels of each row, in place. */
function mirror(image: Float32Array, width: number, channels: number): void {
  for (let start = 0; start < image.length; start += width * channels) {
    for (let left = 0, right = width - 1; left < right; left++, right--) {
      for (let channel = 0; channel < channels; channel++) {
        const a = start + left * channels + channel;
        const b = start + right * channels + channel;
        const held = image[a] ?? 0;
        image[a] = image[b] ?? 0;
        image[b] = held;
      }
    }
  }
}
