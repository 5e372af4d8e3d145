import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetInspection, DatasetPreview } from '#shared/contract.ts';
import type { DatasetDocument, DatasetSplit } from '#shared/domain/dataset.ts';
import { defaultUnpackLimits, detectArchive, unpackArchive } from './archive.ts';
import { findReader, isExistingFolder, nameOfPath, type ImportJob } from './importDataset.ts';

/** Images shown, spread over the classes. */
const previewImages = 60;

/**
 * Reads a data set as an import would and keeps nothing but counts and some images. Meant for a worker
 * thread. Throws as `importDataset`.
 */
export async function inspectDataset({
  path,
  workDirectory,
  freeBytes,
}: Omit<ImportJob, 'name'>): Promise<DatasetInspection> {
  const isFolder = await isExistingFolder(path);
  const unpacked = join(workDirectory, 'unpacked');
  if (!isFolder) {
    const kind = await detectArchive(path);
    await mkdir(unpacked);
    await unpackArchive(path, kind, unpacked, { ...defaultUnpackLimits, freeBytes }, () => undefined);
  }
  const { reader, folder } = await findReader(isFolder ? path : unpacked, nameOfPath(path), isFolder);
  const look = new Look();
  const summary = await reader.read(folder, {
    begin: (image, classCount) => {
      look.begin(image, classCount);
      return Promise.resolve();
    },
    append: (split, images, labels) => {
      look.append(split, images, labels);
      return Promise.resolve();
    },
    progress: () => undefined,
  });
  await rm(unpacked, { recursive: true, force: true });
  return {
    reader: reader.id,
    suggestedName: reader.name,
    image: look.image,
    classNames: summary.classNames,
    training: look.count('training'),
    validation: look.count('validation'),
    preview: { ...look.image, images: look.images },
    notes: summary.notes,
  };
}

/** Counts images of each class and keeps the first of each. */
class Look {
  image: DatasetDocument['image'] = { height: 1, width: 1, channels: 1 };
  readonly images: DatasetPreview['images'] = [];
  readonly #counts: Record<DatasetSplit, number[]> = { training: [], validation: [] };
  #imagesAClass = 0;
  #shown: number[] = [];

  begin(image: DatasetDocument['image'], classCount: number): void {
    this.image = image;
    this.#counts.training = new Array<number>(classCount).fill(0);
    this.#counts.validation = new Array<number>(classCount).fill(0);
    this.#shown = new Array<number>(classCount).fill(0);
    this.#imagesAClass = Math.max(1, Math.floor(previewImages / classCount));
  }

  append(split: DatasetSplit, images: Uint8Array, labels: Uint8Array): void {
    const length = this.image.height * this.image.width * this.image.channels;
    const counts = this.#counts[split];
    const start = counts.reduce((sum, count) => sum + count, 0);
    for (const [position, label] of labels.entries()) {
      counts[label] = (counts[label] ?? 0) + 1;
      const shown = this.#shown[label] ?? 0;
      if (split !== 'training' || shown >= this.#imagesAClass || this.images.length >= previewImages) continue;
      this.#shown[label] = shown + 1;
      const pixels = images.subarray(position * length, (position + 1) * length);
      this.images.push({ index: start + position, label, pixels: Buffer.from(pixels).toString('base64') });
    }
  }

  count(split: DatasetSplit): { count: number; classCounts: number[] } {
    const classCounts = this.#counts[split];
    return { count: classCounts.reduce((sum, count) => sum + count, 0), classCounts };
  }
}
