import type * as FileSystem from 'node:fs/promises';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { writeChunksAtomically, writeFileAtomically } from '#files/atomicWrite.ts';
import { disk } from '../lab/fullDisk.ts';

vi.mock('node:fs/promises', async (original) =>
  (await import('../lab/fullDisk.ts')).onFullDisk(await original<typeof FileSystem>()),
);

it('leaves the old file and nothing else when the disk is full at any byte', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'normlab-full-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'step-1.safetensors');
  await writeFile(file, 'the old one');
  const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);
  const writers = [
    () => writeFileAtomically(file, bytes),
    () => writeChunksAtomically(file, [bytes.subarray(0, 40), bytes.subarray(40)]),
  ];
  onTestFinished(() => {
    disk.room = null;
  });
  for (const write of writers) {
    for (let room = 0; room < bytes.length; room += 1) {
      disk.room = room;
      await expect(write()).rejects.toMatchObject({ code: 'diskFull' });
      expect(await readFile(file, 'utf8')).toBe('the old one');
      expect(await readdir(directory)).toEqual(['step-1.safetensors']);
    }
  }
  disk.room = bytes.length;
  await writers[1]?.();
  expect(new Uint8Array(await readFile(file))).toEqual(bytes);
});
