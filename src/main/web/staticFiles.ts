import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';

export interface StaticFile {
  contentType: string;
  cacheControl: string;
  bytes: Buffer;
}

/** Address path → file: everything that is served without a token, and nothing else. */
export type StaticFiles = ReadonlyMap<string, StaticFile>;

const contentTypes: { readonly [Extension in string]?: string } = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

const maximumBytes = 64 * 1024 ** 2;

/**
 * Reads the built interface into memory once. Requests are answered out of this table, so that no
 * request's path ever reaches the file system. Links that lead out of the folder are left out, and so
 * is every kind of file that an interface does not consist of.
 * @returns An empty table where the interface is not built.
 */
export async function readStaticFiles(directory: string): Promise<StaticFiles> {
  const files = new Map<string, StaticFile>();
  const root = await realpath(directory).catch(() => null);
  if (root === null) return files;
  let total = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const contentType = contentTypes[extname(entry.name)];
    if (contentType === undefined || entry.name.startsWith('.')) continue;
    const real = await realpath(path).catch(() => null);
    if (real === null || !real.startsWith(root + sep)) continue;
    const status = await stat(real);
    if (!status.isFile()) continue;
    total += status.size;
    if (total > maximumBytes)
      throw new Error(`The built interface in ${directory} is larger than ${maximumBytes} bytes.`);
    const address = `/${relative(root, path).split(sep).join('/')}`;
    // Names in `assets` hold a hash of their content.
    const cacheControl = address.startsWith('/assets/') ? 'private, max-age=31536000, immutable' : 'no-store';
    files.set(address, { contentType, cacheControl, bytes: await readFile(real) });
  }
  const page = files.get('/index.html');
  if (page) files.set('/', page);
  return files;
}

/** What is shown in place of an interface that is not built. */
export const missingInterfacePage = `<!doctype html>
<meta charset="utf-8">
<title>NormLab</title>
<h1>The interface is not built yet</h1>
<p>Run <code>npm start</code> once, which builds it, or <code>npx vite build</code>; then start this host again.</p>
`;
