import type * as FileSystem from 'node:fs/promises';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createDatasetService } from '#main/datasets/datasetService.ts';
import { generateExampleDataset } from '#main/datasets/exampleDataset.ts';
import { disk } from '../../lab/fullDisk.ts';

vi.mock('node:fs/promises', async (original) =>
  (await import('../../lab/fullDisk.ts')).onFullDisk(await original<typeof FileSystem>()),
);
// In this thread, where the disk can be filled, and with a handful of images.
vi.mock('#main/datasets/datasetJob.ts', () => ({
  runDatasetJob: (job: { workDirectory: string; freeBytes: number }) =>
    generateExampleDataset(job, () => undefined, {
      seed: 1,
      trainingImages: 10,
      validationImages: 10,
      trainingLabelNoise: 0,
    }),
}));

it('adds a data set whole or not at all, wherever the disk fills, and goes on after room is made', async () => {
  const datasetsDirectory = await mkdtemp(join(tmpdir(), 'normlab-full-'));
  onTestFinished(async () => {
    disk.room = null;
    await rm(datasetsDirectory, { recursive: true, force: true });
  });
  const service = createDatasetService({ datasetsDirectory });
  const lots = 1e9;
  disk.room = lots;
  await service.ensureExample();
  const neededBytes = lots - disk.room;
  const whole = await service.list();
  expect(whole).toHaveLength(1);
  expect(neededBytes).toBeGreaterThan(20 * 32 * 32 * 3);
  await service.remove(whole[0]?.id ?? '');
  // Every 997th byte of the images, every 17th of the labels and the document after them.
  for (let room = 0; room < neededBytes; room += room < neededBytes - 2000 ? 997 : 17) {
    disk.room = room;
    await expect(service.ensureExample()).rejects.toMatchObject({
      code: 'diskFull',
      message: expect.stringContaining('full') as string,
    });
    expect([room, await readdir(datasetsDirectory), await service.list()]).toEqual([room, [], []]);
  }
  disk.room = neededBytes;
  const again = await service.ensureExample();
  expect(again.checksum).toBe(whole[0]?.checksum);
}, 60_000);
