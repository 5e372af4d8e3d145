import { createHash, hash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { datasetDocumentSchema, type DatasetDocument, type DatasetSplit } from '#shared/domain/dataset.ts';
import { writeFileAtomically } from './atomicWrite.ts';
import { createChannelStatistics } from './channelStatistics.ts';
import { datasetChecksum, datasetDocumentFile, imageLength, splitFiles } from './datasetDocument.ts';
import { describeWriteError } from './fileErrors.ts';

/** How often the same pixels occur more than once. */
export interface RepeatedImages {
  /** Images of the split that repeat an earlier one of the same split. */
  training: number;
  validation: number;
  /** Validation images whose pixels are also among the training images. */
  validationInTraining: number;
}

export interface DatasetWriter {
  /**
   * Adds images to a split.
   * @param images uint8 [labels.length, height, width, channels].
   * @throws LabError `diskFull` or `labNotWritable`.
   */
  append(split: DatasetSplit, images: Uint8Array, labels: Uint8Array): Promise<void>;
  repeatedImages(): RepeatedImages;
  /** Syncs the files and writes `dataset.json`, which makes the folder a data set. */
  finish(description: Pick<DatasetDocument, 'id' | 'name' | 'classNames' | 'provenance'>): Promise<DatasetDocument>;
  /** Closes the files without making the folder a data set. */
  close(): Promise<void>;
}

interface SplitState {
  images: HashedFile;
  labels: HashedFile;
  classCounts: number[];
  seen: Set<string>;
  repeated: number;
}

interface HashedFile {
  path: string;
  handle: FileHandle;
  hash: Hash;
}

/** Writes the files of a data set into an empty folder, image by image, and computes its document on the way. */
export async function createDatasetWriter(
  directory: string,
  image: DatasetDocument['image'],
  classCount: number,
): Promise<DatasetWriter> {
  const length = imageLength(image);
  const statistics = createChannelStatistics(image.channels);
  let validationInTraining = 0;

  const files: HashedFile[] = [];
  const openFile = async (name: string): Promise<HashedFile> => {
    const path = join(directory, name);
    try {
      const file = { path, handle: await open(path, 'wx'), hash: createHash('sha256') };
      files.push(file);
      return file;
    } catch (error) {
      throw describeWriteError(error, path);
    }
  };
  const close = async (): Promise<void> => {
    for (const file of files.splice(0)) await file.handle.close();
  };
  const openSplit = async (split: DatasetSplit): Promise<SplitState> => ({
    images: await openFile(splitFiles(split).imagesFile),
    labels: await openFile(splitFiles(split).labelsFile),
    classCounts: Array.from({ length: classCount }, () => 0),
    seen: new Set(),
    repeated: 0,
  });
  let splits: Record<DatasetSplit, SplitState>;
  try {
    splits = { training: await openSplit('training'), validation: await openSplit('validation') };
  } catch (error) {
    await close();
    throw error;
  }

  const write = async (file: HashedFile, bytes: Uint8Array): Promise<void> => {
    file.hash.update(bytes);
    try {
      await file.handle.writeFile(bytes);
    } catch (error) {
      throw describeWriteError(error, file.path);
    }
  };

  function countRepeated(split: DatasetSplit, images: Uint8Array): void {
    const state = splits[split];
    for (let start = 0; start < images.length; start += length) {
      // 128 bits of a cryptographic hash: no two different images share them.
      const digest = hash('sha256', images.subarray(start, start + length), 'hex').slice(0, 32);
      if (state.seen.has(digest)) state.repeated++;
      else state.seen.add(digest);
      if (split === 'validation' && splits.training.seen.has(digest)) validationInTraining++;
    }
  }

  return {
    async append(split, images, labels) {
      if (images.length !== labels.length * length) {
        throw new RangeError(`${labels.length} images need ${labels.length * length} bytes, not ${images.length}`);
      }
      if (split === 'training' && splits.validation.seen.size > 0) {
        throw new RangeError('training images must be added before validation images');
      }
      const { classCounts } = splits[split];
      for (const label of labels) {
        const count = classCounts[label];
        if (count === undefined) throw new RangeError(`label ${label} is not within ${classCount} classes`);
        classCounts[label] = count + 1;
      }
      if (split === 'training') statistics.add(images);
      countRepeated(split, images);
      await write(splits[split].images, images);
      await write(splits[split].labels, labels);
    },

    repeatedImages: () => ({
      training: splits.training.repeated,
      validation: splits.validation.repeated,
      validationInTraining,
    }),

    async finish({ id, name, classNames, provenance }) {
      for (const file of files) {
        try {
          await file.handle.sync();
        } catch (error) {
          throw describeWriteError(error, file.path);
        }
      }
      await close();
      const describeSplit = (split: DatasetSplit): DatasetDocument['training'] => ({
        count: splits[split].classCounts.reduce((sum, value) => sum + value, 0),
        classCounts: splits[split].classCounts,
        ...splitFiles(split),
        imagesChecksum: splits[split].images.hash.digest('hex'),
        labelsChecksum: splits[split].labels.hash.digest('hex'),
      });
      const data = { image, training: describeSplit('training'), validation: describeSplit('validation') };
      const document = datasetDocumentSchema.parse({
        format: 'normlab.dataset',
        version: 1,
        id,
        name,
        classNames,
        ...data,
        normalization: statistics.normalization(),
        checksum: datasetChecksum(data),
        provenance,
      });
      await writeDatasetDocument(directory, document);
      return document;
    },

    close,
  };
}

/** Writes `dataset.json` atomically. */
export async function writeDatasetDocument(directory: string, document: DatasetDocument): Promise<void> {
  await writeFileAtomically(join(directory, datasetDocumentFile), `${JSON.stringify(document, null, 2)}\n`);
}
