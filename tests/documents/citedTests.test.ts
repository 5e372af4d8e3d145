import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const names = (await readdir(new URL('docs', root))).filter((name) => name.endsWith('.md'));

it.each(names)('the tests that docs/%s names are there', async (name) => {
  const text = await readFile(new URL(`docs/${name}`, root), 'utf8');
  const files = [...text.matchAll(/`(tests\/[\w/.]+\.test\.ts)`/g)].map(([, file = '']) => file);
  expect(files.length).toBeGreaterThan(0);
  for (const file of new Set(files)) await readFile(new URL(file, root));
  for (const [, file = '', title = ''] of text.matchAll(/`(tests\/[\w/.]+\.test\.ts)`: “([^”]+)”/g)) {
    expect([title, (await readFile(new URL(file, root), 'utf8')).includes(title)]).toEqual([title, true]);
  }
});
