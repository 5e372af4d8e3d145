import type * as FileSystem from 'node:fs/promises';
import { mkdtemp, readFile, readdir, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { writeChunksAtomically, writeFileAtomically } from '#files/atomicWrite.ts';

/** Bytes that the disk still takes; null where it is not full. */
const disk = vi.hoisted(() => ({ room: null as number | null }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof FileSystem>();
  type Data = Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Writes as a full disk does: what fits, then the failure. */
  async function writeWhatFits(handle: FileHandle, data: Data): Promise<void> {
    const chunks = typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
    let room = disk.room ?? 0;
    for await (const chunk of chunks) {
      const fits = chunk.subarray(0, room);
      if (fits.length > 0) await handle.write(fits);
      room -= fits.length;
      if (fits.length < chunk.length) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    }
  }
  return {
    ...original,
    open: async (...parameters: Parameters<typeof original.open>) => {
      const handle = await original.open(...parameters);
      const write = handle.writeFile.bind(handle);
      handle.writeFile = (data) => (disk.room === null ? write(data) : writeWhatFits(handle, data as Data));
      return handle;
    },
  };
});

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
