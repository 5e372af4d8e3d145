import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatasetService, type DatasetService } from '#main/datasets/datasetService.ts';
import { recordsAFile, writeCifar10Folder } from './cifar10Fixture.ts';

let root: string;
let datasetsDirectory: string;
let service: DatasetService;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'normlab-inspect-'));
  datasetsDirectory = join(root, 'datasets');
  service = createDatasetService({ datasetsDirectory });
  await writeCifar10Folder(join(root, 'cifar'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

it('tells what an import would read, with images of every class, and keeps nothing', async () => {
  const { preview, ...inspection } = await service.inspect(join(root, 'cifar'));
  expect(inspection).toMatchObject({
    reader: 'cifar10-binary',
    suggestedName: 'CIFAR-10',
    image: { height: 32, width: 32, channels: 3 },
    training: { count: 50_000, classCounts: new Array(10).fill(5000) as number[] },
    validation: { count: 10_000, classCounts: new Array(10).fill(1000) as number[] },
    notes: ['batches.meta.txt was not there: the classes have their usual names.'],
  });
  expect(inspection.classNames.slice(0, 2)).toEqual(['airplane', 'automobile']);
  // The first six of each class: labels go round, so that these are the first sixty records.
  expect(preview.images.map(({ index, label }) => [index, label])).toEqual(
    Array.from({ length: 60 }, (_, index) => [index, index % 10]),
  );
  const pixels = Buffer.from(preview.images[7]?.pixels ?? '', 'base64');
  expect(pixels).toHaveLength(32 * 32 * 3);
  // The first pixel tells record and batch apart, see the fixture.
  expect([...pixels.subarray(0, 3)]).toEqual([7, 7 >> 8, 0]);
  expect(recordsAFile).toBe(10_000);
  expect(await readdir(datasetsDirectory)).toEqual([]);
  expect(await service.list()).toEqual([]);
});

it('can be cancelled, and says what is wrong as an import does', async () => {
  const abort = new AbortController();
  const inspecting = service.inspect(join(root, 'cifar'), { signal: abort.signal });
  abort.abort();
  await expect(inspecting).rejects.toMatchObject({ code: 'cancelled' });
  await truncate(join(root, 'cifar', 'data_batch_3.bin'), 1000);
  await expect(service.inspect(join(root, 'cifar'))).rejects.toMatchObject({
    code: 'invalidDataset',
    message: expect.stringContaining('“data_batch_3.bin” is cut short') as string,
  });
  await expect(service.inspect(join(root, 'nothing'))).rejects.toMatchObject({ code: 'notFound' });
  expect(await readdir(datasetsDirectory)).toEqual([]);
});
