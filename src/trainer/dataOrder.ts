import { stepsPerEpoch } from '#shared/domain/trainingLength.ts';
import { LabError } from '#shared/errors.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';

/** Which images each step trains on. A function of seed and step alone, so it has no state to restore. */
export interface DataOrder {
  stepsPerEpoch: number;
  /** Indices of the batch of this step (from 0), [M]. */
  batchIndices(step: number): Uint32Array;
}

/**
 * Every epoch e is a new permutation of the images, drawn by the stream `order/e` of the seed; what
 * is left after the last full batch of an epoch is left out.
 * @throws LabError `invalidDocument` where there are fewer images than a batch needs.
 */
export function createDataOrder(seed: number, imageCount: number, batchSize: number): DataOrder {
  if (imageCount < batchSize) {
    throw new LabError(
      'invalidDocument',
      `A batch of ${batchSize} images cannot be filled from ${imageCount} training images.`,
      'Choose a smaller batchSize or more training images.',
    );
  }
  const epochSteps = stepsPerEpoch(imageCount, batchSize);
  let currentEpoch = -1;
  let permutation = new Uint32Array(0);
  return {
    stepsPerEpoch: epochSteps,
    batchIndices(step) {
      const epoch = Math.floor(step / epochSteps);
      if (epoch !== currentEpoch) {
        permutation = Uint32Array.from(createRandomStream(seed, `order/${epoch}`).permutation(imageCount));
        currentEpoch = epoch;
      }
      const start = (step % epochSteps) * batchSize;
      return permutation.subarray(start, start + batchSize);
    },
  };
}
