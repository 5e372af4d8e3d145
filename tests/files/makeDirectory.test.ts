import { existsSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeDirectory } from '#files/makeDirectory.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'normlab-make-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it('makes a folder with all above it, and leaves one that is there', async () => {
  const folder = join(await temporaryFolder(), 'a', 'b', 'c');
  makeDirectory(folder);
  makeDirectory(folder);
  expect(statSync(folder).isDirectory()).toBe(true);
});

it('throws where a file is in the way', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  expect(() => makeDirectory(file)).toThrow(/EEXIST/);
  expect(() => makeDirectory(join(file, 'below'))).toThrow(/ENOTDIR/);
});

it.runIf(existsSync('/proc/self'))('ends where the system makes no folders (needs /proc)', () => {
  expect(() => makeDirectory('/proc/normlab/lab')).toThrow(/ENOENT/);
});
