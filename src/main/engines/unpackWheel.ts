import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openPromise } from 'yauzl';
import { LabError } from '#shared/errors.ts';
import { isNeededFile } from './enginePackages.ts';

export interface UnpackedFile {
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

/**
 * Unpacks the files of a wheel that training needs into a folder and syncs each of them.
 * @param onBytes Called with every piece's size.
 * @returns size and hash of each file by its name in the wheel.
 * @throws LabError `downloadFailed` where the wheel is not a sound ZIP file or names a file outside the folder.
 */
export async function unpackWheel(
  wheelFile: string,
  directory: string,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<Record<string, UnpackedFile>> {
  const files: Record<string, UnpackedFile> = {};
  const archive = await openPromise(wheelFile).catch((error: unknown) =>
    Promise.reject(damagedWheel(wheelFile, error)),
  );
  try {
    for await (const entry of archive.eachEntry()) {
      signal?.throwIfAborted();
      const { fileName } = entry;
      // yauzl refuses names that climb; this one is the law all the same.
      if (!isNeededFile(fileName) || fileName.split('/').includes('..')) continue;
      const path = join(directory, fileName);
      await mkdir(dirname(path), { recursive: true });
      const hash = createHash('sha256');
      let bytes = 0;
      const handle = await open(path, 'wx', fileName.includes('/bin/') ? 0o755 : 0o644);
      try {
        for await (const chunk of await archive.openReadStreamPromise(entry)) {
          signal?.throwIfAborted();
          const data = chunk as Uint8Array;
          hash.update(data);
          await handle.writeFile(data);
          bytes += data.length;
          onBytes(data.length);
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      files[fileName] = { bytes, sha256: hash.digest('hex') };
    }
  } catch (error) {
    throw isArchiveError(error) ? damagedWheel(wheelFile, error) : error;
  } finally {
    archive.close();
  }
  return files;
}

/** yauzl's and zlib's complaints, as opposed to those of the file system or of a cancelled signal. */
function isArchiveError(error: unknown): boolean {
  if (!(error instanceof Error) || error.name === 'AbortError' || error instanceof LabError) return false;
  return !('code' in error) || (typeof error.code === 'string' && error.code.startsWith('Z_'));
}

function damagedWheel(wheelFile: string, cause: unknown): LabError {
  return new LabError('downloadFailed', `“${wheelFile}” is not a sound wheel.`, 'Download it again.', cause);
}
