import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '#files/datasetFolder.ts';
import { createDatasetService } from '#main/datasets/datasetService.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { hasRealCifar10, recordBytes, unpackRealCifar10 } from './cifar10Fixture.ts';

// Expected values: python3 cifar10-expected.py cifar-10-batches-bin (beside this file).
describe.runIf(hasRealCifar10)('the real CIFAR-10 (only where ../shared/data or NORMLAB_TEST_DATA has it)', () => {
  let root: string;
  let batches: string;
  let document: DatasetDocument;
  let directory: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'normlab-real-cifar-'));
    batches = await unpackRealCifar10(root);
    const service = createDatasetService({ datasetsDirectory: join(root, 'datasets') });
    // The folder above: the batches are found below it.
    document = await service.import(join(batches, '..'), {});
    directory = service.directory(document.id);
  }, 180_000);
  afterAll(async () => {
    await rm(root, { recursive: true, force: true });
  });

  it('has the known classes, counts and checksums', () => {
    expect(document).toMatchObject({
      id: 'cifar-10',
      image: { height: 32, width: 32, channels: 3 },
      classNames: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
      training: {
        count: 50_000,
        classCounts: Array.from({ length: 10 }, () => 5000),
        imagesChecksum: '47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a',
        labelsChecksum: '2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253',
      },
      validation: {
        count: 10_000,
        classCounts: Array.from({ length: 10 }, () => 1000),
        imagesChecksum: 'f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04',
        labelsChecksum: 'cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5',
      },
    });
    expect(document.provenance.notes).toEqual(['No image occurs twice, within a split or in both.']);
    expect(document.provenance.sources).toHaveLength(6);
  });

  it('has the known mean and standard deviation a channel', () => {
    const { mean, standardDeviation } = document.normalization;
    for (const [channel, expected] of [0.49139967861519607, 0.48215840839460783, 0.44653091444546567].entries()) {
      expect(mean[channel]).toBeCloseTo(expected, 14);
    }
    for (const [channel, expected] of [0.24703223246328201, 0.24348512800005553, 0.2615878417279645].entries()) {
      expect(standardDeviation[channel]).toBeCloseTo(expected, 14);
    }
  });

  it('has the pixels of the batch files', async () => {
    const split = await (await openDataset(directory)).openSplit('training');
    const record = Buffer.alloc(recordBytes);
    const handle = await open(join(batches, 'data_batch_2.bin'), 'r');
    await handle.read(record, 0, recordBytes, 17 * recordBytes);
    await handle.close();
    const image = new Uint8Array(3072);
    split.gatherImages([10_017], image);
    expect(split.labels[10_017]).toBe(record[0]);
    for (let pixel = 0; pixel < 1024; pixel++) {
      const expected = [0, 1, 2].map((channel) => record[1 + channel * 1024 + pixel]);
      expect([...image.subarray(pixel * 3, pixel * 3 + 3)]).toEqual(expected);
    }
    split.gatherImages([0], image);
    expect([...image.subarray(0, 9)]).toEqual([59, 62, 63, 43, 46, 45, 50, 48, 43]);
    expect(split.labels[0]).toBe(6);
  });
});
