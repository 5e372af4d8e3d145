import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { describeWriteError, systemErrorCode } from '#files/fileErrors.ts';
import { LabError } from '#shared/errors.ts';
import { entrySegments } from '../archives/entryPath.ts';

export type ArchiveKind = 'tar' | 'tar.gz';

export interface UnpackLimits {
  /** Unpacked bytes that fit on the disk. */
  freeBytes: number;
  maximumFiles: number;
  /** Unpacked bytes for each byte of the archive; real data stay far below. */
  maximumRatio: number;
}

export const defaultUnpackLimits: Omit<UnpackLimits, 'freeBytes'> = { maximumFiles: 200_000, maximumRatio: 100 };

/** Small archives of zeros are no danger: the ratio counts from here on. */
const ratioFromBytes = 64 * 1024 ** 2;

export interface UnpackedArchive {
  bytes: number;
  /** SHA-256 of the archive. */
  checksum: string;
}

const magicNumbers: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['7z', [0x37, 0x7a, 0xbc, 0xaf]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

/**
 * What kind of archive a file is, by its first bytes.
 * @throws LabError `invalidDataset` for a file that is no archive, or one of a kind that is not read.
 */
export async function detectArchive(path: string): Promise<ArchiveKind> {
  const name = basename(path);
  const start = new Uint8Array(512);
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw new LabError('invalidDataset', `“${path}” cannot be read.`, 'Check the permissions of the file.', error);
  });
  let length: number;
  try {
    length = (await handle.read(start, 0, start.length, 0)).bytesRead;
  } finally {
    await handle.close();
  }
  if (length === 0) throw new LabError('invalidDataset', `“${name}” is empty.`, 'Download or copy it again.');
  const kind = magicNumbers.find(([, bytes]) => bytes.every((byte, index) => start[index] === byte))?.[0];
  if (kind === 'gzip') return 'tar.gz';
  if (kind !== undefined) {
    throw new LabError(
      'invalidDataset',
      `“${name}” is packed with ${kind}, which is not read directly.`,
      `Unpack it${kind === 'xz' ? ' (`tar -xJf`)' : ''} and import the folder.`,
    );
  }
  if (length === 512 && new TextDecoder('latin1').decode(start.subarray(257, 262)) === 'ustar') return 'tar';
  throw new LabError(
    'invalidDataset',
    `“${name}” is a single file and not an archive.`,
    'Import the folder that holds the data set’s files, or a .tar or .tar.gz archive of it.',
  );
}

/**
 * Unpacks the regular files of a tar archive below `directory`; links and devices are left out.
 * @throws LabError `invalidDataset` for a damaged archive, one that would write outside the folder, or
 *   one that unpacks to absurd sizes; `diskFull` where it does not fit.
 */
export async function unpackArchive(
  path: string,
  kind: ArchiveKind,
  directory: string,
  limits: UnpackLimits,
  onProgress: (doneBytes: number) => void,
): Promise<UnpackedArchive> {
  const name = basename(path);
  const hash = createHash('sha256');
  let packed = 0;
  let unpacked = 0;
  const countPacked = new Transform({
    transform(chunk: Uint8Array, _encoding, callback) {
      hash.update(chunk);
      packed += chunk.length;
      onProgress(packed);
      callback(null, chunk);
    },
  });
  const countUnpacked = new Transform({
    transform(chunk: Uint8Array, _encoding, callback) {
      unpacked += chunk.length;
      callback(findExcess(name, unpacked, packed, limits), chunk);
    },
  });
  const entries = extract();
  // Ends the file being written when the archive breaks off within it.
  const stop = new AbortController();
  let files = 0;
  let writeError: unknown = null;
  // Each error reaches the pipeline; a stream that breaks off may report its own a second time.
  entries.on('error', () => undefined);
  entries.on('entry', (header, entry, next) => {
    entry.on('error', () => undefined);
    const write = async (): Promise<void> => {
      if (header.type !== 'file' && header.type !== 'contiguous-file') {
        entry.resume();
        return;
      }
      files++;
      if (files > limits.maximumFiles) throw tooMuch(name, `more than ${limits.maximumFiles} files`);
      const target = join(directory, ...safeSegments(name, header.name));
      await mkdir(dirname(target), { recursive: true });
      await pipeline(entry, createWriteStream(target, { flags: 'wx' }), { signal: stop.signal });
    };
    write().then(
      () => {
        next();
      },
      (error: unknown) => {
        writeError ??= error;
        next(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });

  try {
    const gunzip = kind === 'tar.gz' ? [createGunzip()] : [];
    await pipeline([createReadStream(path), countPacked, ...gunzip, countUnpacked, entries]);
  } catch (error) {
    stop.abort();
    throw describeUnpackError(name, directory, writeError === null ? [error] : [writeError, error]);
  }
  return { bytes: packed, checksum: hash.digest('hex') };
}

function findExcess(name: string, unpacked: number, packed: number, limits: UnpackLimits): LabError | null {
  if (unpacked > limits.freeBytes) {
    return new LabError(
      'diskFull',
      `“${name}” unpacks to more than the ${limits.freeBytes} bytes that are free on the disk.`,
      'Free some space, or choose a lab folder on another disk with --lab.',
    );
  }
  if (unpacked > ratioFromBytes && unpacked > packed * limits.maximumRatio) {
    return tooMuch(name, `more than ${limits.maximumRatio} times its own size`);
  }
  return null;
}

function tooMuch(name: string, what: string): LabError {
  return new LabError(
    'invalidDataset',
    `“${name}” unpacks to ${what}, as no data set does.`,
    'Check where the archive comes from; if it is right, unpack it yourself and import the folder.',
  );
}

/** Path segments of an archive's entry, none of which leads out of the folder. */
function safeSegments(archive: string, entry: string): string[] {
  const segments = entrySegments(entry);
  if (segments !== null) return segments;
  throw new LabError(
    'invalidDataset',
    `“${archive}” holds an entry that would be written outside its folder: “${entry}”.`,
    'Check where the archive comes from; if it is right, unpack it yourself and import the folder.',
  );
}

function describeUnpackError(name: string, directory: string, errors: unknown[]): unknown {
  const expected = errors.find((error) => error instanceof LabError);
  if (expected) return expected;
  if (errors.some((error) => systemErrorCode(error) === 'EEXIST')) {
    return new LabError(
      'invalidDataset',
      `“${name}” holds the same file twice.`,
      'Unpack it yourself and import the folder.',
      errors[0],
    );
  }
  const writeError = errors
    .map((error) => describeWriteError(error, directory))
    .find((error) => error instanceof LabError);
  if (writeError) return writeError;
  return new LabError(
    'invalidDataset',
    `“${name}” is cut short or damaged: it cannot be unpacked to its end.`,
    'Download or copy it again, and compare its size with the original’s.',
    errors[0],
  );
}
