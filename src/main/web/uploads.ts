import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join, relative, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeWriteError } from '#files/fileErrors.ts';
import { LabError } from '#shared/errors.ts';
import { Refusal } from './refusal.ts';
import { checkBodyHeaders, tooLarge } from './requestBody.ts';

export interface UploadLimits {
  /** Of one file. */
  maximumBytes: number;
  maximumFilesPerDrop: number;
  maximumDrops: number;
  /** Longest silence while a file comes in. */
  idleTimeoutMs: number;
  /** Disk space that uploads leave free. */
  reservedBytes: number;
}

export interface UploadedFile {
  /** Absolute path of the file. */
  file: string;
  /** Absolute path of the folder of everything that was dropped together. */
  folder: string;
  bytes: number;
}

const dropPattern = /^[0-9a-f]{32}$/;

/**
 * Files that were dropped on the page. A page cannot tell where a file is on disk, so it sends the
 * bytes: each drop gets a folder of its own under the lab, from which it is imported by path as any
 * other, and which goes away after the import and when the host closes.
 */
export class Uploads {
  readonly #directory: string;
  readonly #limits: UploadLimits;
  /** File names of each drop, those on their way included. */
  readonly #drops = new Map<string, Set<string>>();

  constructor(directory: string, limits: UploadLimits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  /**
   * Takes in one file of a drop.
   * @param drop 32 hexadecimal digits that the page drew for everything dropped together.
   * @param name Name of the file; only names without any folder are taken.
   * @throws Refusal or LabError; the file is whole or not there.
   */
  async receive(request: IncomingMessage, drop: string, name: string): Promise<UploadedFile> {
    if (!dropPattern.test(drop)) throw new Refusal(404, 'There is no such place.', 'Drop the file again.');
    checkName(name);
    const length = this.#checkLength(request);
    await this.#checkSpace(length);
    const names = this.#reserve(drop, name);
    const folder = join(this.#directory, drop);
    const file = join(folder, name);
    // Hidden files are no part of a data set, should an import look in meanwhile.
    const partial = join(folder, `.${names.size}.part`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await this.#write(request, partial, length);
      await rename(partial, file);
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      names.delete(name);
      if (names.size === 0) await this.#remove(drop);
      throw describeWriteError(error, file);
    }
    return { file, folder, bytes: length };
  }

  /** Removes the drop that a path belongs to; does nothing for any other path. */
  async release(path: string): Promise<void> {
    const [drop, ...rest] = relative(this.#directory, path).split(sep);
    if (drop === undefined || !dropPattern.test(drop) || rest.includes('..')) return;
    await this.#remove(drop);
  }

  /** Removes everything, also what an earlier process left behind. */
  async clear(): Promise<void> {
    this.#drops.clear();
    const left = await readdir(this.#directory).catch(() => []);
    for (const drop of left.filter((entry) => dropPattern.test(entry))) await this.#remove(drop);
    await rm(this.#directory, { recursive: true, force: true }).catch(() => undefined);
  }

  async #remove(drop: string): Promise<void> {
    this.#drops.delete(drop);
    await rm(join(this.#directory, drop), { recursive: true, force: true });
  }

  #checkLength(request: IncomingMessage): number {
    checkBodyHeaders(request, 'application/octet-stream', this.#limits.maximumBytes);
    const length = request.headers['content-length'];
    if (length === undefined || !/^[0-9]{1,15}$/.test(length)) {
      throw new Refusal(411, 'The length of the file is not given.', 'Send it with its Content-Length.');
    }
    return Number(length);
  }

  async #checkSpace(length: number): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw describeWriteError(error, this.#directory);
    });
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize - this.#limits.reservedBytes >= length) return;
    throw new LabError(
      'diskFull',
      `The file has ${Math.ceil(length / 1e6)} MB, but the disk of the lab has not as much free.`,
      'Free some space, or import the file by its path.',
    );
  }

  #reserve(drop: string, name: string): Set<string> {
    const names = this.#drops.get(drop) ?? new Set();
    if (names.has(name)) {
      throw new Refusal(409, `A file named “${name}” was dropped already.`, 'Drop each file once.');
    }
    if (names.size >= this.#limits.maximumFilesPerDrop) {
      throw new Refusal(413, 'Too many files were dropped at once.', 'Import the folder by its path.');
    }
    if (!this.#drops.has(drop) && this.#drops.size >= this.#limits.maximumDrops) {
      throw new Refusal(429, 'Too many dropped files wait for their import.', 'Import or cancel them first.');
    }
    this.#drops.set(drop, names.add(name));
    return names;
  }

  async #write(request: IncomingMessage, path: string, length: number): Promise<void> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), this.#limits.idleTimeoutMs);
    let received = 0;
    const count = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), this.#limits.idleTimeoutMs);
        received += chunk.length;
        if (received > length) done(tooLarge(length));
        else done(null, chunk);
      },
    });
    const breakOff = (): void => {
      if (!request.complete) count.destroy(new Refusal(400, 'The file did not come in whole.', 'Drop it again.'));
    };
    try {
      request.once('close', breakOff);
      // Not a part of the pipeline, which would close the connection before it is answered.
      request.pipe(count);
      await pipeline(count, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal: silent.signal });
    } catch (error) {
      if (silent.signal.aborted) throw new Refusal(408, 'The file stopped coming in.', 'Drop it again.');
      throw error;
    } finally {
      clearTimeout(timer);
      request.off('close', breakOff);
      request.unpipe(count);
    }
    if (received !== length) throw new Refusal(400, 'The file did not come in whole.', 'Drop it again.');
  }
}

function checkName(name: string): void {
  if (/^[\p{L}\p{N}_+() -][\p{L}\p{N}._+() -]{0,199}$/u.test(name) && Buffer.byteLength(name) <= 240) return;
  throw new Refusal(
    400,
    'The name of the file has characters that are not accepted.',
    'Rename it to letters, digits, dots, spaces, hyphens and underscores.',
  );
}
