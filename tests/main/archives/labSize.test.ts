import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LabSize } from '#main/archives/labSize.ts';
import { temporaryDirectory } from '../store/temporaryDirectory.ts';

it('counts every file once for all who ask, and again after a minute', async () => {
  const directory = temporaryDirectory();
  await mkdir(join(directory, 'runs', 'a'), { recursive: true });
  await writeFile(join(directory, 'runs', 'a', 'log'), 'x'.repeat(300));
  await writeFile(join(directory, 'lab.sqlite'), 'x'.repeat(50));
  let now = 0;
  const size = new LabSize(directory, () => now);
  expect(await Promise.all([size.read(), size.read()])).toEqual([350, 350]);
  await writeFile(join(directory, 'more'), 'x'.repeat(7));
  now = 59_000;
  expect(await size.read()).toBe(350);
  now = 61_000;
  expect(await size.read()).toBe(357);
  expect(await new LabSize(join(directory, 'nowhere')).read()).toBe(0);
});
