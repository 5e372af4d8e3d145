import { closeSync, openSync, readSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { DatasetDocument, DatasetSplit } from '#shared/domain/dataset.ts';
import { LabError } from '#shared/errors.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { damagedDatasetHint, findFileSizeProblems, imageLength, readDatasetDocument } from './datasetDocument.ts';
import { createStandardizationTable, standardize } from './standardization.ts';

/** Image bytes above which a split stays on disk and is read batch by batch. */
export const defaultMemoryLimitBytes = 2 * 1024 ** 3;

export interface SplitOptions {
  /** Takes a fixed random subset of this many images; null takes all, in the order of the file. */
  images?: number | null;
  /** Chooses the subset; a smaller subset of the same seed is the beginning of a larger one. */
  subsetSeed?: number;
  /** See `defaultMemoryLimitBytes`. */
  memoryLimitBytes?: number;
}

/** Samples for training or evaluation, wherever they come from. */
export interface SampleReader {
  readonly count: number;
  /** Whether a sample's label is the number of a class, or a value. */
  readonly targets: 'classes' | 'values';
  /** Values of one sample: height·width·channels. */
  readonly imageLength: number;
  /**
   * Fills `into` with [indices.length, height, width, channels]; of pixels (pixel/255 − mean) / standard
   * deviation of their channel.
   */
  gatherStandardized(indices: ArrayLike<number>, into: Float32Array): void;
  /** Fills `into` with the labels of these samples. */
  gatherLabels(indices: ArrayLike<number>, into: Uint8Array | Int32Array | Float32Array): void;
  close(): void;
}

/**
 * One split of a data set, or a subset of it. Indices run from 0 to `count` − 1 within the subset; a
 * sample's values are the bytes of its image.
 *
 * Memory: one byte a label, and count·height·width·channels bytes of images unless that is above the
 * memory limit, where images are read from disk as they are gathered.
 */
export interface DatasetSplitReader extends SampleReader {
  readonly targets: 'classes';
  /** uint8, [count]. */
  readonly labels: Uint8Array;
  /** Whether the images are in memory. */
  readonly inMemory: boolean;
  /** Fills `into` with pixels [indices.length, height, width, channels] from 0 to 255. */
  gatherImages(indices: ArrayLike<number>, into: Uint8Array): void;
}

export interface OpenDataset {
  readonly document: DatasetDocument;
  readonly directory: string;
  openSplit(split: DatasetSplit, options?: SplitOptions): Promise<DatasetSplitReader>;
}

/**
 * Opens a data set's folder (`datasets/<id>`) after checking its document and its files' sizes.
 * @throws LabError `invalidDataset` naming the file that is missing, cut short or damaged.
 */
export async function openDataset(directory: string): Promise<OpenDataset> {
  const document = await readDatasetDocument(directory, basename(resolve(directory)));
  const problems = await findFileSizeProblems(directory, document);
  if (problems.length > 0) throw damaged(document.id, problems.join('; '));
  return {
    document,
    directory,
    openSplit: (split, options = {}) => openSplit(directory, document, split, options),
  };
}

function damaged(id: string, problem: string, cause?: unknown): LabError {
  return new LabError('invalidDataset', `The data set “${id}” is damaged: ${problem}.`, damagedDatasetHint(id), cause);
}

/**
 * Positions of a subset's images in the split's files: the first `images` of the random order that
 * the stream `subset/<split>` of this seed gives; null for all images in the order of the file.
 * @throws LabError `invalidDocument` where there are fewer images than asked for.
 */
export function subsetPositions(
  document: DatasetDocument,
  split: DatasetSplit,
  images: number | null,
  subsetSeed: number,
): Uint32Array | null {
  const available = document[split].count;
  if (images === null || images === available) return null;
  if (images > available) {
    throw new LabError(
      'invalidDocument',
      `${images} ${split} images were asked for, but the data set “${document.id}” has ${available}.`,
      `Set dataset.${split}Images to at most ${available}, or leave it out to take all.`,
    );
  }
  return createRandomStream(subsetSeed, `subset/${split}`).permutation(available).slice(0, images);
}

async function openSplit(
  directory: string,
  document: DatasetDocument,
  split: DatasetSplit,
  { images = null, subsetSeed = 0, memoryLimitBytes = defaultMemoryLimitBytes }: SplitOptions,
): Promise<DatasetSplitReader> {
  const { imagesFile, labelsFile } = document[split];
  const positions = subsetPositions(document, split, images, subsetSeed);
  const length = imageLength(document.image);
  const count = positions?.length ?? document[split].count;
  const labels = selectLabels(await readFile(join(directory, labelsFile)), positions);
  const wrong = labels.findIndex((label) => label >= document.classNames.length);
  if (wrong >= 0) {
    throw damaged(
      document.id,
      `${labelsFile} has label ${labels[wrong]} of only ${document.classNames.length} classes`,
    );
  }
  const inMemory = count * length <= memoryLimitBytes;
  const source = inMemory
    ? createMemorySource(await readImages(join(directory, imagesFile), positions, count, length))
    : createFileSource(join(directory, imagesFile), positions, length);
  const table = createStandardizationTable(document.normalization);
  const scratch = new Uint8Array(length);

  function check(indices: ArrayLike<number>, into: ArrayLike<number>, expected: number): void {
    if (into.length !== expected) {
      throw new RangeError(`${indices.length} images need an array of ${expected} values, not ${into.length}`);
    }
    for (let item = 0; item < indices.length; item++) {
      const index = indices[item] ?? -1;
      if (!(index >= 0 && index < count)) throw new RangeError(`index ${index} is not within ${count} images`);
    }
  }

  return {
    count,
    targets: 'classes',
    labels,
    imageLength: length,
    inMemory,
    gatherImages(indices, into) {
      check(indices, into, indices.length * length);
      for (let item = 0; item < indices.length; item++) {
        into.set(source.image(indices[item] ?? 0, scratch), item * length);
      }
    },
    gatherStandardized(indices, into) {
      check(indices, into, indices.length * length);
      for (let item = 0; item < indices.length; item++) {
        standardize(source.image(indices[item] ?? 0, scratch), table, document.image.channels, into, item * length);
      }
    },
    gatherLabels(indices, into) {
      check(indices, into, indices.length);
      for (let item = 0; item < indices.length; item++) into[item] = labels[indices[item] ?? 0] ?? 0;
    },
    close: () => source.close(),
  };
}

function selectLabels(all: Uint8Array, positions: Uint32Array | null): Uint8Array {
  return positions === null ? new Uint8Array(all) : Uint8Array.from(positions, (position) => all[position] ?? 0);
}

/** Where images come from; `scratch` may be filled and returned by sources that have no bytes of their own. */
interface ImageSource {
  image(index: number, scratch: Uint8Array): Uint8Array;
  close(): void;
}

function createMemorySource({ bytes, length }: { bytes: Uint8Array; length: number }): ImageSource {
  return { image: (index) => bytes.subarray(index * length, (index + 1) * length), close: () => undefined };
}

function createFileSource(path: string, positions: Uint32Array | null, length: number): ImageSource {
  const descriptor = openSync(path, 'r');
  return {
    image(index, scratch) {
      const position = positions === null ? index : (positions[index] ?? 0);
      if (readSync(descriptor, scratch, 0, length, position * length) !== length) {
        throw new LabError(
          'invalidDataset',
          `“${path}” was cut short while it was read.`,
          'Import the data set again.',
        );
      }
      return scratch;
    },
    close: () => closeSync(descriptor),
  };
}

/** Reads all images, or those of a subset in its order. Sequential pieces of the file, so that no more than asked is held. */
async function readImages(
  path: string,
  positions: Uint32Array | null,
  count: number,
  length: number,
): Promise<{ bytes: Uint8Array; length: number }> {
  const bytes = new Uint8Array(count * length);
  const handle = await open(path, 'r');
  try {
    const read = async (into: Uint8Array, from: number): Promise<void> => {
      for (let done = 0; done < into.length;) {
        const { bytesRead } = await handle.read(into, done, Math.min(into.length - done, 2 ** 28), from + done);
        if (bytesRead === 0) {
          throw new LabError(
            'invalidDataset',
            `“${path}” was cut short while it was read.`,
            'Import the data set again.',
          );
        }
        done += bytesRead;
      }
    };
    if (positions === null) {
      await read(bytes, 0);
    } else {
      // Many small reads cost more than reading past what is not wanted: whole pieces, in the file's order.
      const imagesAPiece = Math.max(1, Math.floor(2 ** 24 / length));
      const order = Uint32Array.from(positions.keys()).sort((a, b) => (positions[a] ?? 0) - (positions[b] ?? 0));
      let item = 0;
      while (item < order.length) {
        const first = positions[order[item] ?? 0] ?? 0;
        let end = item;
        while (end < order.length && (positions[order[end] ?? 0] ?? 0) < first + imagesAPiece) end++;
        const last = positions[order[end - 1] ?? 0] ?? 0;
        const piece = new Uint8Array((last - first + 1) * length);
        await read(piece, first * length);
        for (; item < end; item++) {
          const target = order[item] ?? 0;
          const start = ((positions[target] ?? 0) - first) * length;
          bytes.set(piece.subarray(start, start + length), target * length);
        }
      }
    }
  } finally {
    await handle.close();
  }
  return { bytes, length };
}
