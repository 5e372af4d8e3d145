import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const thisFile = fileURLToPath(import.meta.url);
/** False in the bundle that Electron loads; everything else runs from the sources. */
const fromSources = thisFile.endsWith('.ts');

function findApplicationDirectory(): string {
  let directory = dirname(thisFile);
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`no package.json above ${thisFile}`);
    directory = parent;
  }
  return directory;
}

/** The folder of NormLab itself: `package.json`, `src/`, `out/`. */
export const applicationDirectory = findApplicationDirectory();

/** Where the build puts the interface. */
export const rendererDirectory = join(applicationDirectory, 'out', 'renderer');

/** The trainer's entry: it always runs from its sources, on Node 24. */
export const trainerEntry = join(applicationDirectory, 'src', 'trainer', 'index.ts');

/** The module of the thread that imports data sets: the source, or its bundle beside the desktop's. */
export const importWorkerUrl = fromSources
  ? new URL('./datasets/importWorker.ts', import.meta.url)
  : pathToFileURL(join(applicationDirectory, 'out', 'main', 'importWorker.js'));

/** The module of the thread that works on whole databases, likewise. */
export const databaseWorkerUrl = fromSources
  ? new URL('./store/databaseWorker.ts', import.meta.url)
  : pathToFileURL(join(applicationDirectory, 'out', 'main', 'databaseWorker.js'));

/**
 * The Node 24 that trainers run on: this process where it is Node, else (in Electron) the one that npm
 * brought for this platform.
 */
export function nodeExecutable(): string {
  if (!('electron' in process.versions)) return process.execPath;
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const windows = process.platform === 'win32';
  const require = createRequire(join(applicationDirectory, 'package.json'));
  const description = require.resolve(`node-${platform}-${process.arch}/package.json`);
  return join(dirname(description), 'bin', windows ? 'node.exe' : 'node');
}
