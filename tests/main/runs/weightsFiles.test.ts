import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { serializeSafetensors } from '#files/safetensors.ts';
import { keepWeights, weightsFile } from '#main/runs/weightsFiles.ts';
import { fakeLauncher, openServiceFixture } from './fakes.ts';

let directory: string;
let file: string;
const bytes = Buffer.concat(serializeSafetensors({ 'fc1/bias': { shape: [2], values: Float32Array.of(1, 2) } }));
const sha256 = createHash('sha256').update(bytes).digest('hex');
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-weights-'));
  file = join(directory, 'own.safetensors');
  await writeFile(file, bytes);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('keeps a copy under its checksum, and then needs the file no more', async () => {
  expect(await keepWeights(directory, { file: null })).toEqual({ file: null });
  expect(await keepWeights(directory, { file })).toEqual({ file, sha256 });
  expect(await readFile(weightsFile(directory, sha256))).toEqual(bytes);
  await rm(file);
  expect(await keepWeights(directory, { file, sha256 })).toEqual({ file, sha256 });
  await expect(keepWeights(directory, { file })).rejects.toThrow(/cannot be read/);
});

it('refuses a file that is none, has changed, or is named from nowhere, and keeps nothing then', async () => {
  await expect(keepWeights(directory, { file: 'own.safetensors' })).rejects.toThrow(/not absolute/);
  await expect(keepWeights(directory, { file, sha256: 'a'.repeat(64) })).rejects.toThrow(/has changed/);
  await writeFile(file, 'weights');
  await expect(keepWeights(directory, { file })).rejects.toThrow(/fewer than its header needs/);
  expect(await readdir(directory)).toEqual(['own.safetensors']);
});

it('pins the weights of every run of an experiment, so that it can be repeated', async () => {
  const fixture = await openServiceFixture(fakeLauncher());
  const ids = await fixture.createRuns([1, 2], { initialWeights: { file } });
  for (const id of ids) {
    expect(fixture.store.runs.get(id)?.document.initialWeights).toEqual({ file, sha256 });
  }
  expect(await readFile(weightsFile(fixture.directory, sha256))).toEqual(bytes);
  await fixture.close();
});
