import { tensor } from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import type { SampleReader } from '#files/datasetFolder.ts';
import type { TensorRecord } from './engines/engine.ts';

/**
 * Puts batches of one size into tensors `images` [M,H,W,C] and `labels` [M], int32 classes or float32 values. The memory of one
 * batch serves all: dispose of a batch before the next is loaded.
 */
export function createBatchLoader(split: SampleReader, image: ImageShape, size: number) {
  const images = new Float32Array(size * split.imageLength);
  const isOfClasses = split.targets === 'classes';
  const labels = isOfClasses ? new Int32Array(size) : new Float32Array(size);
  return {
    /** @param change Changes standardized pixels [M,H,W,C] in place. */
    load(indices: Uint32Array, change?: (images: Float32Array) => void): TensorRecord {
      split.gatherStandardized(indices, images);
      change?.(images);
      split.gatherLabels(indices, labels);
      return {
        images: tensor(images, [size, ...image], 'float32'),
        labels: tensor(labels, [size], isOfClasses ? 'int32' : 'float32'),
      };
    },
  };
}
