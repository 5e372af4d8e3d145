import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { batchNames, createBatch, recordBytes, recordsAFile } from '../../main/datasets/cifar10Fixture.ts';

/**
 * A folder as CIFAR-10's binary version has it. Some rows of each image are noise, so that its archive is
 * not suspiciously small.
 */
export async function writeCifar10(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  let state = 1;
  const noise = Uint8Array.from({ length: 1 << 16 }, () => {
    // Numerical Recipes' generator: plain noise is enough.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
  for (const name of batchNames) {
    const batch = createBatch(name);
    for (let record = 0; record < recordsAFile; record += 1) {
      const from = (record * 211) % (noise.length - 128);
      batch.set(noise.subarray(from, from + 128), record * recordBytes + 512);
    }
    await writeFile(join(directory, name), batch);
  }
}

/** Packs a folder as the archive that CIFAR-10 comes in. */
export async function packFolder(parent: string, folder: string, archive: string): Promise<void> {
  await promisify(execFile)('tar', ['-C', parent, '--use-compress-program', 'gzip -1', '-cf', archive, folder]);
}
