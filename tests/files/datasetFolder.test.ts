import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataset, subsetPositions } from '#files/datasetFolder.ts';
import { findDatasetProblems } from '#files/datasetVerification.ts';
import { createDatasetWriter } from '#files/datasetWriter.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';

const image = { height: 2, width: 3, channels: 3 };
const imageBytes = 18;
const trainingCount = 40;
const validationCount = 10;

let root: string;
let directory: string;
let document: DatasetDocument;

/** Pixels that tell split, image and position: no two images are alike. */
function pixelsOf(split: 'training' | 'validation', index: number): number[] {
  const first = split === 'training' ? 0 : 100;
  return Array.from({ length: imageBytes }, (_, position) => (first + index * 3 + position * 7) % 256);
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'normlab-folder-'));
  directory = join(root, 'tiny');
  await mkdir(directory);
  const writer = await createDatasetWriter(directory, image, 4);
  for (const [split, count] of [
    ['training', trainingCount],
    ['validation', validationCount],
  ] as const) {
    // Two pieces, as readers add them.
    for (const [start, end] of [
      [0, 7],
      [7, count],
    ] as const) {
      const indices = Array.from({ length: end - start }, (_, item) => start + item);
      const images = Uint8Array.from(indices.flatMap((index) => pixelsOf(split, index)));
      await writer.append(
        split,
        images,
        Uint8Array.from(indices, (index) => index % 4),
      );
    }
  }
  document = await writer.finish({
    id: 'tiny',
    name: 'Tiny',
    classNames: ['a', 'b', 'c', 'd'],
    provenance: { kind: 'test', sources: [], importedAt: '2025-01-01T00:00:00.000Z', notes: [] },
  });
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('the writer', () => {
  it('describes counts, shape and statistics of what was written', () => {
    expect(document.training).toMatchObject({ count: 40, classCounts: [10, 10, 10, 10] });
    expect(document.validation).toMatchObject({ count: 10, classCounts: [3, 3, 2, 2] });
    // Two-pass in floating point, independent of the integer sums of the writer.
    for (let channel = 0; channel < 3; channel++) {
      const values = Array.from({ length: trainingCount }, (_, index) => pixelsOf('training', index))
        .flat()
        .filter((_, position) => position % 3 === channel)
        .map((value) => value / 255);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      expect(document.normalization.mean[channel]).toBeCloseTo(mean, 13);
      expect(document.normalization.standardDeviation[channel]).toBeCloseTo(Math.sqrt(variance), 13);
    }
  });

  it('counts repeated images and validation images that are in training', async () => {
    const other = await mkdtemp(join(tmpdir(), 'normlab-repeated-'));
    try {
      const writer = await createDatasetWriter(other, image, 2);
      const a = pixelsOf('training', 1);
      const b = pixelsOf('training', 2);
      const c = pixelsOf('training', 3);
      await writer.append('training', Uint8Array.from([...a, ...b, ...a]), Uint8Array.of(0, 1, 0));
      await writer.append('validation', Uint8Array.from([...c, ...b, ...c]), Uint8Array.of(0, 1, 0));
      expect(writer.repeatedImages()).toEqual({ training: 1, validation: 1, validationInTraining: 1 });
      await writer.close();
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });
});

describe('openDataset', () => {
  it('gives labels, images and batches by index', async () => {
    const dataset = await openDataset(directory);
    expect(dataset.document).toEqual(document);
    const split = await dataset.openSplit('validation');
    expect(split).toMatchObject({ count: 10, imageLength: imageBytes, inMemory: true });
    expect([...split.labels]).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1]);

    const pixels = new Uint8Array(3 * imageBytes);
    split.gatherImages([9, 0, 9], pixels);
    expect([...pixels]).toEqual([9, 0, 9].flatMap((index) => pixelsOf('validation', index)));

    const labels = new Int32Array(3);
    split.gatherLabels(Uint32Array.of(9, 2, 7), labels);
    expect([...labels]).toEqual([1, 2, 3]);
  });

  it('standardises each channel with the training statistics', async () => {
    const split = await (await openDataset(directory)).openSplit('training');
    const standardized = new Float32Array(2 * imageBytes);
    split.gatherStandardized([5, 31], standardized);
    const { mean, standardDeviation } = document.normalization;
    const expected = [5, 31].flatMap((index) =>
      pixelsOf('training', index).map((pixel, position) => {
        const channel = position % 3;
        return Math.fround((pixel / 255 - (mean[channel] ?? NaN)) / (standardDeviation[channel] ?? NaN));
      }),
    );
    expect([...standardized]).toEqual(expected);
  });

  it('reads from disk what is above the memory limit, with the same result', async () => {
    const dataset = await openDataset(directory);
    const inMemory = await dataset.openSplit('training', { images: 20, subsetSeed: 3 });
    const onDisk = await dataset.openSplit('training', { images: 20, subsetSeed: 3, memoryLimitBytes: 10 });
    expect(onDisk.inMemory).toBe(false);
    const indices = [19, 0, 7, 7];
    const left = new Float32Array(4 * imageBytes);
    const right = new Float32Array(4 * imageBytes);
    inMemory.gatherStandardized(indices, left);
    onDisk.gatherStandardized(indices, right);
    expect(right).toEqual(left);
    onDisk.close();
  });

  it('takes a fixed subset, whose images are those of its positions', async () => {
    const dataset = await openDataset(directory);
    const positions = subsetPositions(document, 'training', 12, 5);
    if (positions === null) throw new Error('expected a subset');
    expect(new Set(positions).size).toBe(12);
    expect(subsetPositions(document, 'training', 5, 5)).toEqual(positions.slice(0, 5));
    expect(subsetPositions(document, 'training', 12, 6)).not.toEqual(positions);
    expect(subsetPositions(document, 'training', 40, 5)).toBeNull();

    const split = await dataset.openSplit('training', { images: 12, subsetSeed: 5 });
    const pixels = new Uint8Array(12 * imageBytes);
    split.gatherImages([...positions.keys()], pixels);
    expect([...pixels]).toEqual([...positions].flatMap((position) => pixelsOf('training', position)));
    expect([...split.labels]).toEqual([...positions].map((position) => position % 4));
  });

  it('refuses a subset larger than the split, saying how many there are', async () => {
    const dataset = await openDataset(directory);
    await expect(dataset.openSplit('validation', { images: 11 })).rejects.toMatchObject({
      code: 'invalidDocument',
      message: '11 validation images were asked for, but the data set “tiny” has 10.',
    });
  });

  it('refuses indices and arrays that do not fit', async () => {
    const split = await (await openDataset(directory)).openSplit('validation');
    expect(() => split.gatherImages([10], new Uint8Array(imageBytes))).toThrow(RangeError);
    expect(() => split.gatherImages([0, 1], new Uint8Array(imageBytes))).toThrow(RangeError);
  });
});

describe('a damaged folder', () => {
  async function expectDamaged(pattern: RegExp): Promise<void> {
    await expect(openDataset(directory)).rejects.toMatchObject({
      code: 'invalidDataset',
      message: expect.stringMatching(pattern) as string,
      hint: expect.stringMatching(/lab -- datasets remove/) as string,
    });
  }
  async function changeDocument(change: (json: Record<string, unknown>) => void): Promise<void> {
    const json = JSON.parse(await readFile(join(directory, 'dataset.json'), 'utf8')) as Record<string, unknown>;
    change(json);
    await writeFile(join(directory, 'dataset.json'), JSON.stringify(json));
  }

  it('is told by size when a file is cut short', async () => {
    await truncate(join(directory, 'training-images.u8'), 700);
    await expectDamaged(/training-images\.u8 is cut short: it has 700 of 720 bytes/);
  });

  it('is told when a file is missing', async () => {
    await rm(join(directory, 'validation-labels.u8'));
    await expectDamaged(/validation-labels\.u8 is missing/);
  });

  it('is told when dataset.json is missing or is not JSON', async () => {
    await writeFile(join(directory, 'dataset.json'), '{"format": "normlab.da');
    await expectDamaged(/dataset\.json is not valid JSON/);
    await rm(join(directory, 'dataset.json'));
    await expectDamaged(/dataset\.json is missing/);
  });

  it('is told when dataset.json contradicts itself or points elsewhere', async () => {
    await changeDocument((json) => (json['surprise'] = 1));
    await expectDamaged(/surprise/);
    await changeDocument((json) => {
      delete json['surprise'];
      json['image'] = { height: 3, width: 2, channels: 3 };
    });
    await expectDamaged(/checksum does not fit/);
    await changeDocument((json) => (json['training'] = { ...document.training, imagesFile: '../../elsewhere' }));
    await expectDamaged(/must be named/);
  });

  it('is told when a label is not a class', async () => {
    const path = join(directory, 'training-labels.u8');
    const labels = await readFile(path);
    labels[17] = 9;
    await writeFile(path, labels);
    const dataset = await openDataset(directory);
    await expect(dataset.openSplit('training')).rejects.toMatchObject({
      code: 'invalidDataset',
      message: expect.stringMatching(/label 9 of only 4 classes/) as string,
    });
  });

  it('is told by checksum when a byte has changed', async () => {
    expect(await findDatasetProblems(directory, document)).toEqual([]);
    const path = join(directory, 'validation-images.u8');
    const images = await readFile(path);
    images[50] = (images[50] ?? 0) ^ 1;
    await writeFile(path, images);
    expect(await findDatasetProblems(directory, document)).toEqual([
      'validation-images.u8 has changed: its checksum is not the one of the import',
    ]);
  });
});
