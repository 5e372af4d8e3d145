import { randomBytes } from 'node:crypto';
import { link, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError } from '#shared/errors.ts';
import { describeWriteError, systemErrorCode } from './fileErrors.ts';
import { isProcessAlive } from './processes.ts';

/** Bytes in pieces, for files that should not be in memory at once. */
export type ByteChunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

const temporaryFilePattern = /^\..+\.(\d+)-[0-9a-f]{12}\.tmp$/;

/**
 * Writes a file so that after a crash or power cut it is either as before or whole.
 *
 * The bytes go to a temporary file in the same folder, which is synced, renamed and its folder synced.
 * Where anything fails the temporary file is removed and the old file stays as it was.
 * @throws LabError `diskFull` or `labNotWritable`.
 */
export async function writeFileAtomically(path: string, data: Uint8Array | string): Promise<void> {
  await writeAtomically(path, data);
}

/** As `writeFileAtomically`, of pieces that are made while writing. */
export async function writeChunksAtomically(path: string, chunks: ByteChunks): Promise<void> {
  await writeAtomically(path, chunks);
}

/**
 * As `writeChunksAtomically`, but never over a file that is there.
 * @throws LabError `invalidArgument` where there is one, also where it came while this one was written.
 */
export async function writeNewFileAtomically(path: string, chunks: ByteChunks): Promise<void> {
  await requireAbsent(path);
  await writeAtomically(path, chunks, renameToNew);
}

/** @throws LabError `invalidArgument` where something has this name. */
export async function requireAbsent(path: string): Promise<void> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw isThereAlready(path);
}

function isThereAlready(path: string): LabError {
  return new LabError(
    'invalidArgument',
    `There is already a file “${path}”; it was left as it is.`,
    'Choose another name, or move it away.',
  );
}

/** Renaming would replace a file; a second name for the same file does not. */
async function renameToNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') throw isThereAlready(to);
    // Such disks (FAT, some network file systems) have no second names.
    await requireAbsent(to);
    await rename(from, to);
    return;
  }
  await rm(from);
}

async function writeAtomically(
  path: string,
  data: Uint8Array | string | ByteChunks,
  put: (from: string, to: string) => Promise<void> = rename,
): Promise<void> {
  const suffix = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const temporary = join(dirname(path), `.${basename(path)}.${suffix}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await put(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw describeWriteError(error, path);
  }
  await syncDirectory(dirname(path));
}

/** Makes renames in a folder last through a power cut, where the system can sync folders. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Windows cannot open folders and some network file systems cannot sync them: nothing more can be done there.
    if (!['EACCES', 'EBADF', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'].includes(systemErrorCode(error) ?? '')) {
      throw describeWriteError(error, directory);
    }
  }
}

/**
 * Removes temporary files that killed processes left in a folder; those of living processes stay.
 * @param isWriting Whether a process may still write to the folder; none does for who has it alone.
 * @returns names of the files removed.
 */
export async function removeLeftoverTemporaryFiles(
  directory: string,
  isWriting: (processId: number) => boolean = isProcessAlive,
): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    const processId = temporaryFilePattern.exec(name)?.[1];
    if (processId === undefined || isWriting(Number(processId))) continue;
    await rm(join(directory, name), { force: true });
    removed.push(name);
  }
  return removed;
}
