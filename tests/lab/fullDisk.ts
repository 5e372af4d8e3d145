import type * as FileSystem from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** Bytes that the disk still takes; null where it is not full. */
export const disk = { room: null as number | null };

type Data = Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * The file system on a disk that fills: what fits is written, then writing fails. To be put in its place by
 * `vi.mock('node:fs/promises', async (original) => (await import('…/fullDisk.ts')).onFullDisk(await original()))`.
 */
export function onFullDisk(original: typeof FileSystem): typeof FileSystem {
  return {
    ...original,
    open: async (...parameters: Parameters<typeof original.open>) => {
      const handle = await original.open(...parameters);
      const write = handle.writeFile.bind(handle);
      handle.writeFile = (data) => (disk.room === null ? write(data) : writeWhatFits(handle, data as Data));
      return handle;
    },
  };
}

async function writeWhatFits(handle: FileHandle, data: Data): Promise<void> {
  const chunks = typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  for await (const chunk of chunks) {
    const room = disk.room ?? Infinity;
    const fits = chunk.subarray(0, room);
    if (fits.length > 0) await handle.write(fits);
    disk.room = room - fits.length;
    if (fits.length < chunk.length) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  }
}
