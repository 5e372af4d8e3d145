import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineService } from '#main/engines/engineService.ts';
import { createTinyLab } from '../trainer/tinyDataset.ts';

/** A lab folder that holds the data set `tiny`, of images of 4×4 pixels. */
export async function createTinyLabDirectory(
  trainingImages = 44,
  validationImages = 13,
): Promise<{ directory: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'normlab-lab-'));
  const tiny = await createTinyLab(trainingImages, validationImages);
  await mkdir(join(directory, 'datasets'));
  await rename(tiny.datasetDirectory, join(directory, 'datasets', 'tiny'));
  await tiny.remove();
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** A run that the plain JavaScript engine trains in about a second. */
export const tinyRun = {
  dataset: { id: 'tiny' },
  architecture: { id: 'paper-cnn', widthMultiplier: 0.0625 },
  batchSize: 8,
  length: { unit: 'steps', value: 10 },
  evaluation: { every: { unit: 'steps', value: 4 }, batchSize: 16 },
  checkpoints: { every: { unit: 'steps', value: 3 } },
  execution: { engine: 'javascript' },
};

/** Plain JavaScript without looking for anything better. */
export const javascriptOnly: EngineService = {
  list: () => Promise.resolve([]),
  choose: () => Promise.resolve({ location: { kind: 'javascript' }, id: 'javascript', notes: [] }),
  install: () => Promise.reject(new Error('not here')),
  verifyFiles: () => Promise.resolve([]),
};
