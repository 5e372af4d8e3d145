import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '#files/atomicWrite.ts';

export interface ElectronSearch {
  /** Folder of the npm package `electron`. */
  packageDirectory: string;
  /** Where a failed fetch is remembered and a running one keeps its parts. */
  cacheDirectory: string;
  environment: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  /** Fetch even where an earlier fetch failed. */
  retry?: boolean;
  /** The fetch is given up when nothing has arrived after this time. */
  answerTimeoutMs?: number;
  onProgress?: (receivedBytes: number) => void;
}

export type ElectronResult = { file: string } | { file: null; reason: string };

const failureSchema = z.object({ at: z.number(), reason: z.string() });
const rememberFailureMs = 24 * 60 * 60 * 1000;
const retryHint = 'npm start -- --fetch-window tries again';

/**
 * Electron's binary: the one that is there, else fetched by the package's own script. The fetch is given
 * up after five seconds without an answer, and that is remembered for a day, so that a machine without
 * internet starts at once.
 */
export async function findElectron(search: ElectronSearch): Promise<ElectronResult> {
  if (!existsSync(join(search.packageDirectory, 'install.js'))) {
    return { file: null, reason: 'the package electron is not installed; npm ci brings it' };
  }
  const { DISPLAY, WAYLAND_DISPLAY } = search.environment;
  if (search.platform === 'linux' && !DISPLAY && !WAYLAND_DISPLAY) {
    return { file: null, reason: 'there is no display on this machine' };
  }
  const present = await binaryFile(search);
  if (present !== null) return { file: present };

  const memory = join(search.cacheDirectory, 'electron-fetch.json');
  const failure = await rememberedFailure(memory);
  if (failure !== null && !search.retry) {
    return { file: null, reason: `${failure} (${retryHint})` };
  }
  const reason = await fetchBinary(search);
  const fetched = await binaryFile(search);
  if (fetched !== null) return { file: fetched };
  const told = reason ?? 'Electron’s download brought no program';
  await mkdir(search.cacheDirectory, { recursive: true });
  await writeFileAtomically(memory, JSON.stringify({ at: Date.now(), reason: told }));
  return { file: null, reason: `${told} (${retryHint})` };
}

async function binaryFile({ packageDirectory, environment }: ElectronSearch): Promise<string | null> {
  let name: string;
  try {
    name = (await readFile(join(packageDirectory, 'path.txt'), 'utf8')).trim();
  } catch {
    name = 'electron';
    if (!environment['ELECTRON_OVERRIDE_DIST_PATH']) return null;
  }
  const file = join(environment['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(packageDirectory, 'dist'), name);
  return existsSync(file) ? file : null;
}

async function rememberedFailure(memory: string): Promise<string | null> {
  try {
    const failure = failureSchema.parse(JSON.parse(await readFile(memory, 'utf8')));
    // A clock that was set back must not keep the failure for ever.
    const ageMs = Date.now() - failure.at;
    return ageMs >= 0 && ageMs < rememberFailureMs ? failure.reason : null;
  } catch {
    return null;
  }
}

/** Runs the package's own script. Returns why it brought nothing, or null where it says that it did. */
async function fetchBinary(search: ElectronSearch): Promise<string | null> {
  const timeoutMs = search.answerTimeoutMs ?? 5000;
  await mkdir(search.cacheDirectory, { recursive: true });
  // The script downloads into the temporary folder: a private one shows how much has arrived.
  const staging = await mkdtemp(join(search.cacheDirectory, 'electron-'));
  try {
    return await new Promise((resolve) => {
      const child = spawn(process.execPath, [join(search.packageDirectory, 'install.js')], {
        env: { ...search.environment, TMPDIR: staging, TEMP: staging, TMP: staging },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let lastWords = '';
      let received = 0;
      let heardAt = Date.now();
      let givenUp = false;
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        lastWords = (lastWords + text).slice(-2000);
      });
      const watch = setInterval(() => {
        const unpacked = directoryBytes(join(search.packageDirectory, 'dist'));
        void Promise.all([directoryBytes(staging), unpacked]).then(([downloaded, extracted]) => {
          const bytes = downloaded + extracted;
          if (bytes > received) {
            received = bytes;
            heardAt = Date.now();
            search.onProgress?.(bytes);
          } else if (Date.now() - heardAt > timeoutMs) {
            givenUp = true;
            child.kill('SIGKILL');
          }
        });
      }, 200);
      const finish = (reason: string | null): void => {
        clearInterval(watch);
        resolve(reason);
      };
      child.once('error', (error) => finish(`Electron’s download could not be started: ${error.message}`));
      child.once('close', (code) => {
        if (givenUp) finish(`Electron could not be downloaded: no answer for ${Math.round(timeoutMs / 1000)} seconds`);
        else if (code === 0) finish(null);
        else finish(`Electron could not be downloaded: ${firstError(lastWords)}`);
      });
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function firstError(text: string): string {
  const line = text.split('\n').find((candidate) => /error/i.test(candidate)) ?? text.split('\n')[0] ?? '';
  return (
    line
      .replace(/https?:\/\/\S+/g, 'its server')
      .trim()
      .slice(0, 200) || 'its script failed without a word'
  );
}

async function directoryBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    bytes += await stat(join(entry.parentPath, entry.name)).then(
      (found) => found.size,
      () => 0,
    );
  }
  return bytes;
}
