import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import yauzl from 'yauzl';
import { npyHeader, serializeNpz } from '#files/npz.ts';
import type { TensorData } from '#files/safetensors.ts';

// As NumPy writes them: npy-expected.py beside this file.
const matrixBytes =
  '934e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a2028322c2033292c207d202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020200a0000803f00000040000060c00000804000000000cdcccc3d';
const vectorBytes =
  '934e554d5059010076007b276465736372273a20273c6934272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c207d2020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020200a07000000ffffffff';

const tensors: Record<string, TensorData> = {
  'conv1/kernel': { shape: [2, 3], values: Float32Array.of(1, 2, -3.5, 4, 0, 0.1) },
  'conv1/bias': { shape: [2], values: Int32Array.of(7, -1) },
};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-npz-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Bytes and CRC-32 of every file of an archive by its name, as another program reads it. */
async function readArchive(file: string): Promise<Record<string, [bytes: string, checksum: number]>> {
  const archive = await yauzl.openPromise(file);
  const contents: Record<string, [string, number]> = {};
  for await (const entry of archive.eachEntry()) {
    const chunks: Buffer[] = [];
    for await (const chunk of await archive.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
    contents[entry.fileName] = [Buffer.concat(chunks).toString('hex'), entry.crc32];
  }
  return contents;
}

it('holds the NPY files that NumPy would write, in a zip archive', async () => {
  const file = join(directory, 'weights.npz');
  await writeFile(file, Buffer.concat(serializeNpz(tensors)));
  expect(await readArchive(file)).toEqual({
    'conv1/kernel.npy': [matrixBytes, 279745382],
    'conv1/bias.npy': [vectorBytes, 2675382500],
  });
});

it('begins values at a multiple of 64 bytes, also of a scalar and of many axes', () => {
  const scalar = npyHeader({ shape: [], values: Float32Array.of(1) });
  expect(new TextDecoder('latin1').decode(scalar)).toContain("'shape': (), }");
  for (const shape of [[], [1], [3, 3, 512, 512], [100_000, 100_000, 100_000, 100_000]]) {
    const header = npyHeader({ shape, values: new Float32Array(0) });
    expect(header.length % 64).toBe(0);
    expect(new DataView(header.buffer).getUint16(8, true)).toBe(header.length - 10);
    expect(header.at(-1)).toBe(0x0a);
  }
});

it('refuses a shape that does not fit its values, and writes the same bytes again', () => {
  expect(() => serializeNpz({ a: { shape: [3], values: Float32Array.of(1) } })).toThrow(/a cannot be written/);
  expect(Buffer.concat(serializeNpz(tensors))).toEqual(Buffer.concat(serializeNpz(tensors)));
});
