import { tensor } from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import type { DatasetSplitReader } from '#files/datasetFolder.ts';
import type { TensorRecord } from './engines/engine.ts';

/**
 * Puts batches of one size into tensors `images` [M,H,W,C] and `labels` [M]. The memory of one
 * batch serves all: dispose of a batch before the next is loaded.
 */
export function createBatchLoader(split: DatasetSplitReader, image: ImageShape, size: number) {
  const images = new Float32Array(size * split.imageLength);
  const labels = new Int32Array(size);
  return {
    /** @param change Changes standardized pixels [M,H,W,C] in place. */
    load(indices: Uint32Array, change?: (images: Float32Array) => void): TensorRecord {
      split.gatherStandardized(indices, images);
      change?.(images);
      split.gatherLabels(indices, labels);
      return { images: tensor(images, [size, ...image], 'float32'), labels: tensor(labels, [size], 'int32') };
    },
  };
}
