import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultUnpackLimits, detectArchive, unpackArchive, type UnpackLimits } from '#main/datasets/archive.ts';
import { importDataset } from '#main/datasets/importDataset.ts';
import { noise } from './cifar10Fixture.ts';

let directory: string;
let target: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-archive-'));
  target = join(directory, 'unpacked');
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function createTar(
  entries: (Partial<Header> & { name: string } & { content?: Uint8Array | string })[],
): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry(header, Buffer.from(content ?? ''));
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function unpack(bytes: Uint8Array, limits: Partial<UnpackLimits> = {}): ReturnType<typeof unpackArchive> {
  const path = join(directory, 'archive');
  await writeFile(path, bytes);
  const kind = await detectArchive(path);
  return unpackArchive(path, kind, target, { freeBytes: 1e12, ...defaultUnpackLimits, ...limits }, () => undefined);
}

describe('unpackArchive', () => {
  const entries = [
    { name: 'set/', type: 'directory' as const },
    { name: 'set/a.bin', content: noise(5000, 1) },
    { name: './set/b.txt', content: 'text' },
  ];

  it.each([
    ['tar', (bytes: Buffer): Buffer => bytes],
    ['tar.gz', (bytes: Buffer): Buffer => gzipSync(bytes)],
  ])('unpacks %s and hashes the archive', async (_kind, compress) => {
    const bytes = compress(await createTar(entries));
    expect(await unpack(bytes)).toEqual({
      bytes: bytes.length,
      checksum: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(new Uint8Array(await readFile(join(target, 'set', 'a.bin')))).toEqual(noise(5000, 1));
    expect(await readFile(join(target, 'set', 'b.txt'), 'utf8')).toBe('text');
  });

  it.each(['../outside', '/absolute', 'set/../../outside', 'set\\..\\outside', 'C:outside'])(
    'refuses the entry %s',
    async (name) => {
      await expect(unpack(await createTar([{ name, content: 'x' }]))).rejects.toMatchObject({
        code: 'invalidDataset',
        message: expect.stringMatching(/outside its folder/) as string,
      });
      expect(await readdir(directory)).not.toContain('outside');
    },
  );

  it('leaves out links and devices', async () => {
    await unpack(
      await createTar([
        { name: 'link', type: 'symlink', linkname: '/etc/passwd' },
        { name: 'device', type: 'character-device' },
        { name: 'file', content: 'x' },
      ]),
    );
    expect(await readdir(target)).toEqual(['file']);
  });

  it('refuses an archive that inflates absurdly', async () => {
    const bomb = gzipSync(await createTar([{ name: 'zeros', content: new Uint8Array(66 * 1024 ** 2) }]));
    await expect(unpack(bomb)).rejects.toMatchObject({
      code: 'invalidDataset',
      message: expect.stringMatching(/more than 100 times its own size/) as string,
    });
  });

  it('refuses what does not fit on the disk, and too many files', async () => {
    const bytes = await createTar(entries);
    await expect(unpack(bytes, { freeBytes: 4000 })).rejects.toMatchObject({ code: 'diskFull' });
    await rm(target, { recursive: true, force: true });
    await expect(unpack(bytes, { maximumFiles: 1 })).rejects.toMatchObject({
      code: 'invalidDataset',
      message: expect.stringMatching(/more than 1 files/) as string,
    });
  });

  it('says that an archive is cut short or damaged', async () => {
    const bytes = gzipSync(await createTar(entries));
    const damaged = Buffer.from(bytes);
    damaged.fill(0x55, 600, 900);
    for (const broken of [bytes.subarray(0, 3000), damaged, gzipSync(noise(4000, 2))]) {
      await rm(target, { recursive: true, force: true });
      await expect(unpack(broken)).rejects.toMatchObject({
        code: 'invalidDataset',
        message: expect.stringMatching(/cut short or damaged/) as string,
      });
    }
    await rm(target, { recursive: true, force: true });
    await expect(unpack((await createTar(entries)).subarray(0, 3000))).rejects.toMatchObject({
      code: 'invalidDataset',
    });
  });

  it('refuses the same file twice', async () => {
    await expect(
      unpack(
        await createTar([
          { name: 'a', content: '1' },
          { name: './a', content: '2' },
        ]),
      ),
    ).rejects.toMatchObject({ message: expect.stringMatching(/same file twice/) as string });
  });
});

describe('detectArchive', () => {
  it.each([
    ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], /packed with xz/, /tar -xJf/],
    ['zip', [0x50, 0x4b, 0x03, 0x04], /packed with zip/, /import the folder/],
    ['a single batch', [6, 59, 43], /single file and not an archive/, /folder that holds/],
    ['nothing', [], /is empty/, /again/],
  ])('tells %s', async (_what, start, message, hint) => {
    const path = join(directory, 'file');
    await writeFile(path, Uint8Array.from(start));
    await expect(detectArchive(path)).rejects.toMatchObject({
      code: 'invalidDataset',
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });
});

describe('importing an archive', () => {
  it('recognises the Python version inside', async () => {
    const path = join(directory, 'cifar-10-python.tar.gz');
    const names = ['data_batch_1', 'data_batch_2', 'test_batch', 'batches.meta'];
    await writeFile(
      path,
      gzipSync(await createTar(names.map((name) => ({ name: `cifar-10-batches-py/${name}`, content: noise(100, 3) })))),
    );
    const job = { path, name: null, workDirectory: directory, freeBytes: 1e12 };
    await expect(importDataset(job, () => undefined)).rejects.toMatchObject({
      code: 'invalidDataset',
      message: expect.stringMatching(/CIFAR-10 for Python/) as string,
      hint: expect.stringMatching(/binary version/) as string,
    });
  });

  it('says that it holds nothing known', async () => {
    const path = join(directory, 'photos.tar');
    await writeFile(path, await createTar([{ name: 'photos/1.jpg', content: 'x' }]));
    const job = { path, name: null, workDirectory: directory, freeBytes: 1e12 };
    await expect(importDataset(job, () => undefined)).rejects.toMatchObject({
      code: 'invalidDataset',
      message: expect.stringMatching(/archive “photos\.tar” holds no data set that is known/) as string,
    });
  });
});
