import { mkdir } from 'node:fs/promises';
import { createDatasetWriter } from '#files/datasetWriter.ts';
import { describeWriteError } from '#files/fileErrors.ts';
import { exampleDatasetId, type DatasetDocument, type DatasetSplit } from '#shared/domain/dataset.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { ImportProgress } from './datasetService.ts';
import { drawExampleImage, exampleImageSize } from './exampleImages.ts';
import { patterns } from './examplePatterns.ts';
import { finishedDirectory, requireIntact, requireSpace } from './importDataset.ts';

/** Settings of the generator. Another value of any of them is another data set. */
export interface ExampleSettings {
  seed: number;
  trainingImages: number;
  validationImages: number;
  /** Share of training images that get the label of another class; validation labels are right. */
  trainingLabelNoise: number;
}

export const exampleSettings: ExampleSettings = {
  seed: 2019,
  trainingImages: 12_000,
  validationImages: 2_000,
  trainingLabelNoise: 0.1,
};

const image = { height: exampleImageSize, width: exampleImageSize, channels: 3 };
const imageBytes = image.height * image.width * image.channels;
const imagesAPiece = 500;

/** What is drawn at each position of a split, and the label it is given. */
export interface ExamplePlan {
  drawnClasses: Uint8Array;
  labels: Uint8Array;
}

/**
 * Plans a split: equally many images of each class in random order, and of each class the same share
 * with a wrong label, spread evenly over the other classes, so that labels stay equally frequent too.
 * @param count Multiple of the number of classes.
 */
export function planExampleSplit(seed: number, split: DatasetSplit, count: number, labelNoise: number): ExamplePlan {
  const classCount = patterns.length;
  if (count % classCount !== 0)
    throw new RangeError(`${count} images cannot be split evenly over ${classCount} classes`);
  const noisyAClass = Math.round((labelNoise * count) / classCount);
  const drawnClasses = new Uint8Array(count);
  const labels = new Uint8Array(count);
  for (const [place, position] of createRandomStream(seed, `example/${split}/order`).permutation(count).entries()) {
    const drawn = place % classCount;
    const ordinal = Math.floor(place / classCount);
    const shift = ordinal < noisyAClass ? 1 + (ordinal % (classCount - 1)) : 0;
    drawnClasses[position] = drawn;
    labels[position] = (drawn + shift) % classCount;
  }
  return { drawnClasses, labels };
}

/** Draws the images from `start` to `end` of a split: [end − start, 32, 32, 3]. */
export function drawExampleImages(
  seed: number,
  split: DatasetSplit,
  plan: ExamplePlan,
  start: number,
  end: number,
): Uint8Array {
  const images = new Uint8Array((end - start) * imageBytes);
  for (let index = start; index < end; index++) {
    // A stream of its own for each image: it does not depend on how many are drawn.
    const random = createRandomStream(seed, `example/${split}/${index}`);
    drawExampleImage(plan.drawnClasses[index] ?? 0, random, images, (index - start) * imageBytes);
  }
  return images;
}

/**
 * Makes the example data set in a work directory: textures and shapes with random place, size,
 * direction, colours, contrast, background, noise and occlusion. Equal settings give equal bytes on
 * every machine. Meant for a worker thread.
 * @throws LabError `diskFull` or `labNotWritable`.
 */
export async function generateExampleDataset(
  { workDirectory, freeBytes }: { workDirectory: string; freeBytes: number },
  onProgress: (progress: ImportProgress) => void,
  settings: ExampleSettings = exampleSettings,
): Promise<DatasetDocument> {
  const { seed, trainingImages, validationImages, trainingLabelNoise } = settings;
  requireSpace((trainingImages + validationImages) * (imageBytes + 1), freeBytes);
  const directory = finishedDirectory(workDirectory);
  await mkdir(directory).catch((error: unknown) => {
    throw describeWriteError(error, directory);
  });
  const writer = await createDatasetWriter(directory, image, patterns.length);
  try {
    let done = 0;
    for (const [split, count, labelNoise] of [
      ['training', trainingImages, trainingLabelNoise],
      ['validation', validationImages, 0],
    ] as const) {
      const plan = planExampleSplit(seed, split, count, labelNoise);
      for (let start = 0; start < count; start += imagesAPiece) {
        const end = Math.min(count, start + imagesAPiece);
        await writer.append(split, drawExampleImages(seed, split, plan, start, end), plan.labels.subarray(start, end));
        done += end - start;
        onProgress({ phase: 'drawing', done, total: trainingImages + validationImages });
      }
    }
    const document = await writer.finish({
      id: exampleDatasetId,
      name: 'Example: textures and shapes',
      classNames: patterns.map((pattern) => pattern.name),
      provenance: {
        kind: 'example-generator',
        sources: [],
        importedAt: new Date().toISOString(),
        notes: [
          'Generated from a seed; no photographs.',
          `${trainingLabelNoise * 100}% of the training images carry the label of another class; all validation labels are right.`,
        ],
        settings: { generatorVersion: 1, seed, trainingImages, validationImages, trainingLabelNoise },
      },
    });
    await requireIntact(directory, document, onProgress);
    return document;
  } finally {
    await writer.close();
  }
}
