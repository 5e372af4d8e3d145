import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '#files/atomicWrite.ts';
import { LabError } from '#shared/errors.ts';
import { applicationDirectory, nodeExecutable } from '../applicationPaths.ts';
import { acquireProcessLock } from '../store/processLock.ts';

/** What a browser or Electron loads has to be built; everything else runs from its sources. */
export type BuiltPart = 'interface' | 'desktop';

interface PartDescription {
  title: string;
  /** Files and folders that it is made of. */
  sources: readonly string[];
  /** Made by the build; the part is there when this is. */
  result: string;
  /** Arguments for Node. */
  command: readonly string[];
}

const parts: { readonly [Part in BuiltPart]: PartDescription } = {
  interface: {
    title: 'the interface',
    sources: ['src/renderer', 'src/shared', 'vite.config.ts', 'package-lock.json'],
    result: 'out/renderer/index.html',
    command: ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error'],
  },
  desktop: {
    title: 'the window',
    sources: [
      'src/main',
      'src/files',
      'src/renderer',
      'src/shared',
      'electron.vite.config.ts',
      'vite.config.ts',
      'package-lock.json',
    ],
    result: 'out/main/desktop.js',
    command: ['node_modules/electron-vite/bin/electron-vite.js', 'build', '--logLevel', 'error'],
  },
};

/**
 * Builds a part where its sources changed since it was built. Two processes that want it build it once.
 * @param root The application's folder.
 * @throws LabError `internal` with the build's own words where it fails.
 */
export async function ensureBuilt(
  part: BuiltPart,
  note: (line: string) => void,
  root = applicationDirectory,
): Promise<void> {
  const { title, sources, result, command } = parts[part];
  // An installed application has its parts built, and none of their sources.
  if (!existsSync(join(root, 'src/renderer')) && existsSync(join(root, result))) return;
  const stampFile = join(root, 'out', `${part}.stamp`);
  const isCurrent = async (stamp: string): Promise<boolean> =>
    existsSync(join(root, result)) && (await readFile(stampFile, 'utf8').catch(() => '')) === stamp;

  if (await isCurrent(await stampOf(root, sources))) return;
  await mkdir(join(root, 'out'), { recursive: true });
  const lock = await acquireProcessLock(join(root, 'out', 'build.lock'), 'building the interface');
  try {
    const stamp = await stampOf(root, sources);
    if (await isCurrent(stamp)) return;
    note(`Building ${title} (after an update only) …`);
    await rm(stampFile, { force: true });
    await runBuild(title, root, command);
    await writeFileAtomically(stampFile, stamp);
  } finally {
    lock.release();
  }
}

/** Changes whenever a source does: names, sizes and times of all files. */
async function stampOf(root: string, sources: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const add = async (path: string): Promise<void> => {
    const { size, mtimeMs } = await stat(join(root, path));
    lines.push(`${path} ${size} ${mtimeMs}`);
  };
  for (const source of sources) {
    const status = await stat(join(root, source));
    if (!status.isDirectory()) {
      await add(source);
      continue;
    }
    const entries = await readdir(join(root, source), { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(root, '/').length));
    await Promise.all(files.map(add));
  }
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

function runBuild(title: string, root: string, command: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(nodeExecutable(), command, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-10_000);
    });
    const fail = (cause: unknown): void => {
      reject(
        new LabError(
          'internal',
          `Building ${title} failed.`,
          'Run `npm run check` to see what is wrong with the sources, or clone the project again.',
          cause,
        ),
      );
    };
    child.once('error', fail);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else fail(words);
    });
  });
}
