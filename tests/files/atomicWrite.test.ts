import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeLeftoverTemporaryFiles, writeChunksAtomically, writeFileAtomically } from '#files/atomicWrite.ts';
import { LabError } from '#shared/errors.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-atomic-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** An error as the file system throws it. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

async function* failingChunks(error: Error): AsyncGenerator<Uint8Array> {
  yield new Uint8Array([1, 2, 3]);
  await Promise.resolve();
  throw error;
}

describe('writeFileAtomically', () => {
  it('writes bytes and text, and leaves no other file', async () => {
    await writeFileAtomically(join(directory, 'bytes'), new Uint8Array([0, 255, 7]));
    await writeFileAtomically(join(directory, 'text'), 'γ²');
    expect([...(await readFile(join(directory, 'bytes')))]).toEqual([0, 255, 7]);
    expect(await readFile(join(directory, 'text'), 'utf8')).toBe('γ²');
    expect((await readdir(directory)).sort()).toEqual(['bytes', 'text']);
  });

  it('replaces a longer file as a whole', async () => {
    const path = join(directory, 'state.json');
    await writeFileAtomically(path, 'a long first version');
    await writeFileAtomically(path, 'short');
    expect(await readFile(path, 'utf8')).toBe('short');
  });

  it('says that the folder is missing', async () => {
    await expect(writeFileAtomically(join(directory, 'missing', 'file'), 'x')).rejects.toMatchObject({
      code: 'labNotWritable',
    });
  });
});

describe('writeChunksAtomically', () => {
  it('joins pieces in order', async () => {
    const path = join(directory, 'joined');
    await writeChunksAtomically(path, [new Uint8Array([1, 2]), new Uint8Array([]), new Uint8Array([3])]);
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
  });

  it.each([
    ['ENOSPC', 'diskFull'],
    ['EDQUOT', 'diskFull'],
    ['EACCES', 'labNotWritable'],
    ['EROFS', 'labNotWritable'],
  ])('turns %s into %s, keeps the old file and removes its own', async (code, expected) => {
    const path = join(directory, 'checkpoint');
    await writeFile(path, 'before');
    const failure: unknown = await writeChunksAtomically(path, failingChunks(systemError(code))).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(LabError);
    expect(failure).toMatchObject({ code: expected });
    expect(await readFile(path, 'utf8')).toBe('before');
    expect(await readdir(directory)).toEqual(['checkpoint']);
  });

  it('passes other errors on as they are', async () => {
    const error = new RangeError('a mistake in the program');
    await expect(writeChunksAtomically(join(directory, 'x'), failingChunks(error))).rejects.toBe(error);
  });
});

describe('removeLeftoverTemporaryFiles', () => {
  it('removes files of processes that are gone and no others', async () => {
    const { pid: gone } = spawnSync(process.execPath, ['--version']);
    const leftover = `.checkpoint.${gone}-0123456789ab.tmp`;
    const living = `.checkpoint.${process.pid}-0123456789ab.tmp`;
    for (const name of [leftover, living, 'checkpoint', '.hidden']) await writeFile(join(directory, name), '');
    expect(await removeLeftoverTemporaryFiles(directory)).toEqual([leftover]);
    expect((await readdir(directory)).sort()).toEqual([living, '.hidden', 'checkpoint'].sort());
  });
});
