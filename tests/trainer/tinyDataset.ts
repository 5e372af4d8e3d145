import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatasetWriter } from '#files/datasetWriter.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';

export const tinyImage = { height: 4, width: 4, channels: 3 };

export interface TinyLab {
  directory: string;
  datasetDirectory: string;
  remove(): Promise<void>;
}

/** A temporary folder with a data set: three classes, each brightest in its own channel, with noise. */
export async function createTinyLab(trainingImages = 44, validationImages = 13): Promise<TinyLab> {
  const directory = await mkdtemp(join(tmpdir(), 'normlab-trainer-'));
  const datasetDirectory = join(directory, 'tiny');
  await mkdir(datasetDirectory);
  const writer = await createDatasetWriter(datasetDirectory, tinyImage, 3);
  const random = createRandomStream(7, 'tiny data set');
  const { height, width, channels } = tinyImage;
  for (const [split, count] of [
    ['training', trainingImages],
    ['validation', validationImages],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, index) => index % 3);
    const images = Uint8Array.from({ length: count * height * width * channels }, (_, index) => {
      const label = labels[Math.floor(index / (height * width * channels))];
      return random.integer(160) + (index % channels === label ? 60 : 0);
    });
    await writer.append(split, images, labels);
  }
  await writer.finish({
    id: 'tiny',
    name: 'Tiny',
    classNames: ['red', 'green', 'blue'],
    provenance: { kind: 'test', sources: [], importedAt: '2020-01-01T00:00:00Z', notes: [] },
  });
  return { directory, datasetDirectory, remove: () => rm(directory, { recursive: true, force: true }) };
}
