import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createRandomStream } from '#shared/random/randomStream.ts';

export const recordBytes = 3073;
export const recordsAFile = 10_000;
export const batchNames = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`).concat('test_batch.bin');

/** A batch of the right size: balanced labels, and pixels that are mostly zero but differ between images. */
export function createBatch(name: string): Buffer {
  const batch = Buffer.alloc(recordBytes * recordsAFile);
  const number = batchNames.indexOf(name);
  for (let record = 0; record < recordsAFile; record++) {
    const start = record * recordBytes;
    batch[start] = record % 10;
    // First pixel: red, green and blue tell batch and record apart.
    batch[start + 1] = record & 255;
    batch[start + 1 + 1024] = record >> 8;
    batch[start + 1 + 2048] = number;
  }
  return batch;
}

/** Writes a folder as CIFAR-10's binary version has it, with simple images. */
export async function writeCifar10Folder(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of batchNames) await writeFile(join(directory, name), createBatch(name));
}

/** Bytes without any structure. */
export function noise(length: number, seed: number): Uint8Array {
  const random = createRandomStream(seed, 'test/noise');
  return Uint8Array.from({ length }, () => random.integer(256));
}

const archive = join(
  process.env['NORMLAB_TEST_DATA'] ?? resolve(import.meta.dirname, '../../../../shared/data'),
  'cifar-10-batches-bin.tar.xz',
);

/** Whether the real CIFAR-10 is at hand: in `../shared/data`, or in the folder NORMLAB_TEST_DATA. */
export const hasRealCifar10 = existsSync(archive);

/** Unpacks the real CIFAR-10 and returns the folder of its batches. */
export async function unpackRealCifar10(directory: string): Promise<string> {
  await promisify(execFile)('tar', ['-xJf', archive, '-C', directory]);
  return join(directory, 'cifar-10-batches-bin');
}
