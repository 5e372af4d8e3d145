import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readStaticFiles } from '#main/web/staticFiles.ts';

it('takes the files of an interface, and nothing that a link leads to elsewhere', async () => {
  const root = await mkdtemp(join(tmpdir(), 'normlab-static-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const directory = join(root, 'renderer');
  await mkdir(join(directory, 'assets'), { recursive: true });
  await writeFile(join(root, 'secret.json'), 'secret');
  await mkdir(join(root, 'renderer-other'));
  await writeFile(join(root, 'renderer-other', 'near.js'), 'near');
  await writeFile(join(directory, 'index.html'), '<!doctype html>');
  await writeFile(join(directory, 'assets', 'index-1a2b.js'), 'code');
  await writeFile(join(directory, 'assets', 'index-1a2b.js.map'), 'map');
  await writeFile(join(directory, '.env.js'), 'hidden');
  await writeFile(join(directory, 'notes.txt'), 'notes');
  await symlink(join(root, 'secret.json'), join(directory, 'link.json'));
  await symlink(join(root, 'renderer-other', 'near.js'), join(directory, 'near.js'));
  await symlink('/nowhere.js', join(directory, 'dangling.js'));
  const files = await readStaticFiles(directory);
  expect(
    [...files]
      .map(([path, { contentType, cacheControl, bytes }]) => [path, contentType, cacheControl, bytes.toString()])
      .sort(),
  ).toEqual([
    ['/', 'text/html; charset=utf-8', 'no-store', '<!doctype html>'],
    ['/assets/index-1a2b.js', 'text/javascript; charset=utf-8', 'private, max-age=31536000, immutable', 'code'],
    ['/index.html', 'text/html; charset=utf-8', 'no-store', '<!doctype html>'],
  ]);
});

it('has nothing where nothing is built', async () => {
  expect((await readStaticFiles('/nowhere/at/all')).size).toBe(0);
});
