import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Pack } from 'tar-stream';
import { z } from 'zod';
import { writeNewFileAtomically } from '#files/atomicWrite.ts';
import { describeWriteError, systemErrorCode } from '#files/fileErrors.ts';
import { LabError } from '#shared/errors.ts';
import { appVersion } from '../runs/environment.ts';
import { entrySegments } from './entryPath.ts';

/** A file that goes into an archive. */
export interface ArchiveEntry {
  /** Path within the archive, with slashes. */
  name: string;
  /** Where it is. */
  file: string;
  /** Left out where it is gone by then, as an old checkpoint of a run that trains. */
  optional?: boolean;
}

/** How whoever waits for an archive follows and ends it. */
export interface ArchiveWatch {
  signal?: AbortSignal;
  /** Told of each piece that was read. */
  onBytes?: (count: number) => void;
}

const manifestName = 'manifest.json';
const archiveKinds = ['lab', 'runs'] as const;
export type ArchiveKind = (typeof archiveKinds)[number];

/** The last entry: one that is absent was cut off, with whatever else. */
const manifestSchema = z.strictObject({
  format: z.literal('normlab.archive'),
  version: z.literal(1),
  kind: z.enum(archiveKinds),
  appVersion: z.string(),
  createdAt: z.iso.datetime(),
  files: z.array(z.strictObject({ name: z.string(), bytes: z.int().nonnegative(), checksum: z.string() })),
});
export type ArchiveManifest = z.infer<typeof manifestSchema>;

/**
 * Writes files into one archive (tar), with a manifest of their SHA-256 at its end; there whole or not at all,
 * and never over a file that is there.
 * @returns the manifest, without the optional files that were gone.
 * @throws LabError `diskFull`, `labNotWritable`, `invalidArgument` where there is a file; `notFound` for one that is
 *   gone and should not be.
 */
export async function writeArchive(
  path: string,
  kind: ArchiveKind,
  entries: readonly ArchiveEntry[],
  watch: ArchiveWatch = {},
): Promise<ArchiveManifest> {
  const archive = pack();
  const manifest: ArchiveManifest = {
    format: 'normlab.archive',
    version: 1,
    kind,
    appVersion: appVersion(),
    createdAt: new Date().toISOString(),
    files: [],
  };
  const fill = async (): Promise<void> => {
    for (const entry of entries) {
      const written = await addFile(archive, entry, watch);
      if (written !== null) manifest.files.push({ name: entry.name, ...written });
    }
    archive.entry({ name: manifestName }, JSON.stringify(manifest));
    archive.finalize();
  };
  archive.on('error', () => undefined);
  let filled: Promise<void> | null = null;
  // Filled only when it is read: a failure before that would reach nobody.
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const read = (archive as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    filled = fill().catch((error: unknown) => {
      archive.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    });
    // Whoever fails first says why; the other only breaks off.
    filled.catch(() => undefined);
    for (let piece = await read.next(); piece.done !== true; piece = await read.next()) yield piece.value;
    await filled;
  }
  try {
    await writeNewFileAtomically(path, pieces());
  } catch (error) {
    archive.destroy();
    throw error;
  }
  return manifest;
}

async function addFile(
  archive: Pack,
  entry: ArchiveEntry,
  { signal, onBytes }: ArchiveWatch,
): Promise<{ bytes: number; checksum: string } | null> {
  signal?.throwIfAborted();
  // An open file stays readable when it is removed meanwhile.
  const handle = await open(entry.file, 'r').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT' && entry.optional === true) return null;
    throw new LabError('notFound', `“${entry.file}” cannot be read.`, 'Check that it is there, then try again.', error);
  });
  if (handle === null) return null;
  const hash = createHash('sha256');
  try {
    const { size } = await handle.stat();
    const sum = new Transform({
      transform(chunk: Uint8Array, _encoding, callback) {
        hash.update(chunk);
        onBytes?.(chunk.length);
        callback(signal?.aborted ? new Error('The backup was cancelled.') : null, chunk);
      },
    });
    const source = handle.createReadStream({ autoClose: false, ...(size === 0 ? {} : { end: size - 1 }) });
    await pipeline(source, sum, archive.entry({ name: entry.name, size }));
    return { bytes: size, checksum: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

/**
 * Unpacks an archive into a folder that is absent or empty, and compares every file with the manifest.
 * Where anything is wrong the folder is removed.
 * @throws LabError `invalidArchive`, `diskFull`, `labNotWritable`; the signal's reason.
 */
export async function unpackArchiveFile(
  path: string,
  kind: ArchiveKind,
  directory: string,
  watch: ArchiveWatch = {},
): Promise<ArchiveManifest> {
  const name = basename(path);
  try {
    await stat(path);
  } catch (error) {
    throw new LabError('notFound', `“${path}” cannot be read.`, 'Check the path and its permissions.', error);
  }
  try {
    const found = await unpackFiles(path, name, directory, watch);
    return await verify(name, kind, directory, found);
  } catch (error) {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
}

/** @returns size and checksum of each file, by its name. */
async function unpackFiles(
  path: string,
  name: string,
  directory: string,
  { signal, onBytes }: ArchiveWatch,
): Promise<Map<string, { bytes: number; checksum: string }>> {
  const found = new Map<string, { bytes: number; checksum: string }>();
  const entries = extract();
  const stop = new AbortController();
  let failure: unknown = null;
  entries.on('error', () => undefined);
  entries.on('entry', (header, entry, next) => {
    entry.on('error', () => undefined);
    const write = async (): Promise<void> => {
      const segments = header.type === 'file' ? entrySegments(header.name) : null;
      if (segments === null || found.has(header.name)) {
        throw invalidArchive(name, `holds an entry that has no place in one: “${header.name}”`);
      }
      const target = join(directory, ...segments);
      await mkdir(dirname(target), { recursive: true });
      const hash = createHash('sha256');
      let bytes = 0;
      const sum = new Transform({
        transform(chunk: Uint8Array, _encoding, callback) {
          hash.update(chunk);
          bytes += chunk.length;
          callback(null, chunk);
        },
      });
      await pipeline(entry, sum, createWriteStream(target, { flags: 'wx', flush: true }), { signal: stop.signal });
      found.set(header.name, { bytes, checksum: hash.digest('hex') });
    };
    write().then(
      () => {
        next();
      },
      (error: unknown) => {
        failure ??= error;
        next(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
  try {
    const source = createReadStream(path);
    source.on('data', (piece) => onBytes?.(piece.length));
    await pipeline(source, entries, signal === undefined ? {} : { signal });
  } catch (error) {
    stop.abort();
    signal?.throwIfAborted();
    const expected = describeWriteError(failure ?? error, directory);
    if (expected instanceof LabError) throw expected;
    throw invalidArchive(name, 'is cut short, damaged, or no archive of this program', error);
  }
  return found;
}

async function verify(
  name: string,
  kind: ArchiveKind,
  directory: string,
  found: Map<string, { bytes: number; checksum: string }>,
): Promise<ArchiveManifest> {
  if (!found.delete(manifestName)) throw invalidArchive(name, 'is cut short, or no archive of this program');
  const manifest = manifestSchema.safeParse(parseJson(await readFile(join(directory, manifestName), 'utf8')));
  if (!manifest.success) {
    throw invalidArchive(name, 'was written by a newer NormLab, or its list of files is damaged', manifest.error);
  }
  const { files } = manifest.data;
  if (manifest.data.kind !== kind) {
    throw invalidArchive(name, kind === 'lab' ? 'holds runs, not a whole lab' : 'holds a whole lab, not runs');
  }
  const wrong = files.find((file) => {
    const there = found.get(file.name);
    return there?.bytes !== file.bytes || there.checksum !== file.checksum;
  });
  if (wrong !== undefined) throw invalidArchive(name, `is damaged: “${wrong.name}” does not match its checksum`);
  if (files.length !== found.size) throw invalidArchive(name, 'is damaged: it holds files that are not in its list');
  await rm(join(directory, manifestName));
  return manifest.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function invalidArchive(name: string, what: string, cause?: unknown): LabError {
  return new LabError(
    'invalidArchive',
    `The archive “${name}” ${what}.`,
    'Copy or make it again; nothing was taken from it.',
    cause,
  );
}
