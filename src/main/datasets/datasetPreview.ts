import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { damagedDatasetHint, imageLength } from '#files/datasetDocument.ts';
import type { DatasetPreview } from '#shared/contract.ts';
import type { DatasetDocument, DatasetSplit } from '#shared/domain/dataset.ts';
import { LabError } from '#shared/errors.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';

export interface PreviewOptions {
  split: DatasetSplit;
  /** One class only. */
  label?: number;
  count: number;
  /** Chooses which images: the same seed shows the same ones. */
  seed: number;
}

/**
 * Some images of a data set in random order. Reads the labels and these images only.
 * @throws LabError `invalidDataset` where a file is cut short.
 */
export async function readDatasetPreview(
  directory: string,
  document: DatasetDocument,
  { split, label, count, seed }: PreviewOptions,
): Promise<DatasetPreview> {
  const { imagesFile, labelsFile, count: available } = document[split];
  const length = imageLength(document.image);
  const damaged = (problem: string, cause?: unknown): LabError =>
    new LabError(
      'invalidDataset',
      `The data set “${document.id}” is damaged: ${problem}.`,
      damagedDatasetHint(document.id),
      cause,
    );
  const labels = await readFile(join(directory, labelsFile)).catch((error: unknown) => {
    throw damaged(`${labelsFile} cannot be read`, error);
  });
  if (labels.length !== available) throw damaged(`${labelsFile} has ${labels.length} bytes instead of ${available}`);
  const order = createRandomStream(seed, `preview/${split}`).permutation(available);
  const chosen = [...order.filter((index) => label === undefined || labels[index] === label).slice(0, count)];
  const handle = await open(join(directory, imagesFile)).catch((error: unknown) => {
    throw damaged(`${imagesFile} cannot be read`, error);
  });
  try {
    const images: DatasetPreview['images'] = [];
    for (const index of chosen) {
      const pixels = Buffer.alloc(length);
      const { bytesRead } = await handle.read(pixels, 0, length, index * length);
      if (bytesRead !== length) throw damaged(`${imagesFile} is cut short`);
      images.push({ index, label: labels[index] ?? 0, pixels: pixels.toString('base64') });
    }
    return { ...document.image, images };
  } finally {
    await handle.close();
  }
}
