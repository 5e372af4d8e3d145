import { mkdir, mkdtemp, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { formatBytes } from '#shared/formatBytes.ts';
import { LabError } from '#shared/errors.ts';
import { syncDirectory, writeFileAtomically } from '#files/atomicWrite.ts';
import { describeWriteError, systemErrorCode } from '#files/fileErrors.ts';
import { makeDirectory } from '#files/makeDirectory.ts';
import { acquireProcessLock } from '../store/processLock.ts';
import type { InstallProgress } from './engineService.ts';
import { isWhole, manifestFileName, sha256OfFile, type EngineManifest, type Environment } from './engineCache.ts';
import { downloadBytes, type EnginePackage, type WheelPin } from './enginePackages.ts';
import { cancelledDownload, downloadWheel, findPip } from './pip.ts';
import { createProgressMeter } from './progressMeter.ts';
import { unpackWheel, type UnpackedFile } from './unpackWheel.ts';

export interface InstallOptions {
  cacheDirectory: string;
  environment: Environment;
  /** A wheel, or a folder of wheels, carried here by hand; null downloads. */
  wheelFile: string | null;
  onProgress: (progress: InstallProgress) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Puts an engine into the cache: downloads what is missing, checks every wheel's hash, unpacks the
 * libraries into a folder beside the final one and renames it, so that it is there whole or not at
 * all. Wheels that were complete before an interruption are kept and used. A second installation at
 * the same time waits for the first and finds its work done.
 * @throws LabError `downloadFailed`, `diskFull`, `engineMissing` (the cache cannot be written) or `cancelled`.
 */
export async function installEngine(enginePackage: EnginePackage, options: InstallOptions): Promise<void> {
  const { cacheDirectory, signal } = options;
  try {
    makeCacheDirectory(cacheDirectory);
    const lock = await acquireProcessLock(join(cacheDirectory, 'install.lock'), `installing ${enginePackage.title}`, {
      ...(signal === undefined ? {} : { signal }),
      onWait: () => options.onProgress(waiting(enginePackage)),
    });
    try {
      // Contents too: whoever installs an engine that seems to be there may do so because it does not work.
      const check = { hashes: true, ...(signal === undefined ? {} : { signal }) };
      if (await isWhole(cacheDirectory, enginePackage, check)) return;
      await installLocked(enginePackage, options);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw signal?.aborted ? cancelledDownload() : explainFailure(error, cacheDirectory);
  }
}

function makeCacheDirectory(cacheDirectory: string): void {
  try {
    makeDirectory(cacheDirectory);
  } catch (error) {
    throw describeWriteError(error, cacheDirectory);
  }
}

function waiting(enginePackage: EnginePackage): InstallProgress {
  return {
    phase: `Waiting for another process that is installing ${enginePackage.title}`,
    doneBytes: 0,
    totalBytes: null,
    bytesPerSecond: null,
    secondsLeft: null,
  };
}

async function installLocked(enginePackage: EnginePackage, options: InstallOptions): Promise<void> {
  const { cacheDirectory, onProgress, signal } = options;
  await removeLeftovers(cacheDirectory);
  const downloads = join(cacheDirectory, 'downloads');
  await mkdir(downloads, { recursive: true });
  const wheelFiles =
    options.wheelFile === null
      ? await downloadWheels(enginePackage, downloads, options)
      : await findCarriedWheels(enginePackage, options.wheelFile, options);
  if (options.wheelFile !== null) await checkSpace(cacheDirectory, enginePackage.installedBytes);

  const part = await mkdtemp(join(cacheDirectory, temporaryPrefix));
  try {
    const files: Record<string, UnpackedFile> = {};
    const report = createProgressMeter(`Unpacking ${enginePackage.title}`, enginePackage.installedBytes, onProgress);
    let doneBytes = 0;
    let reportedMs = 0;
    for (const wheelFile of wheelFiles) {
      const unpacked = await unpackWheel(
        wheelFile,
        part,
        (bytes) => {
          doneBytes += bytes;
          if (performance.now() - reportedMs < 250) return;
          reportedMs = performance.now();
          report(doneBytes);
        },
        signal,
      );
      Object.assign(files, unpacked);
    }
    report(doneBytes);
    const manifest: EngineManifest = {
      formatVersion: 1,
      id: enginePackage.id,
      title: enginePackage.title,
      installedAt: new Date().toISOString(),
      wheels: enginePackage.wheels.map(({ fileName, sha256 }) => ({ fileName, sha256 })),
      files,
    };
    await writeFileAtomically(join(part, manifestFileName), `${JSON.stringify(manifest, null, 2)}\n`);
    const final = join(cacheDirectory, enginePackage.folder);
    // A damaged engine makes way; a process that has it open keeps its files.
    await rename(final, join(part, '..', `${temporaryPrefix}damaged-${process.pid}`)).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    });
    await rename(part, final);
    await syncDirectory(cacheDirectory);
  } finally {
    await removeLeftovers(cacheDirectory);
  }
  await rm(downloads, { recursive: true, force: true });
}

const temporaryPrefix = 'temporary-';

/** Only the holder of the lock makes such folders, so those that are there belong to nobody. */
async function removeLeftovers(cacheDirectory: string): Promise<void> {
  for (const name of await readdir(cacheDirectory)) {
    if (name.startsWith(temporaryPrefix)) await rm(join(cacheDirectory, name), { recursive: true, force: true });
  }
}

async function downloadWheels(
  enginePackage: EnginePackage,
  downloads: string,
  options: InstallOptions,
): Promise<string[]> {
  const { cacheDirectory, environment, onProgress, signal } = options;
  const total = downloadBytes(enginePackage);
  const missing: WheelPin[] = [];
  for (const wheel of enginePackage.wheels) {
    if (!(await isWheel(join(downloads, wheel.fileName), wheel, signal))) missing.push(wheel);
  }
  if (missing.length > 0) {
    const pip = await findPip(environment);
    const missingBytes = missing.reduce((sum, wheel) => sum + wheel.bytes, 0);
    // pip holds a wheel twice for a moment: in its temporary folder and where it puts it.
    const twice = Math.max(...missing.map((wheel) => wheel.bytes));
    await checkSpace(cacheDirectory, missingBytes + Math.max(twice, enginePackage.installedBytes));
    const report = createProgressMeter(`Downloading ${enginePackage.title}`, total, onProgress);
    let doneBytes = total - missingBytes;
    report(doneBytes);
    for (const wheel of missing) {
      const path = join(downloads, wheel.fileName);
      await rm(path, { force: true });
      const temporaryDirectory = await mkdtemp(join(cacheDirectory, temporaryPrefix));
      try {
        await downloadWheel(pip, wheel, enginePackage, {
          environment,
          directory: downloads,
          temporaryDirectory,
          onBytes: (bytes) => report(doneBytes + bytes),
          signal,
        });
      } finally {
        await rm(temporaryDirectory, { recursive: true, force: true });
      }
      if (!(await isWheel(path, wheel, signal))) throw wrongWheel(path, wheel);
      doneBytes += wheel.bytes;
      report(doneBytes);
    }
  }
  return enginePackage.wheels.map((wheel) => join(downloads, wheel.fileName));
}

/** The carried wheels, each of which must be exactly the pinned one. */
async function findCarriedWheels(
  enginePackage: EnginePackage,
  given: string,
  { signal }: InstallOptions,
): Promise<string[]> {
  const status = await stat(given).catch((error: unknown) => {
    throw new LabError('downloadFailed', `“${given}” cannot be read.`, 'Check the path.', error);
  });
  const names = enginePackage.wheels.map((wheel) => wheel.fileName);
  if (!status.isDirectory() && enginePackage.wheels.length > 1) {
    throw new LabError(
      'downloadFailed',
      `${enginePackage.title} needs ${enginePackage.wheels.length} wheels, and “${basename(given)}” is one file.`,
      `Give the folder that holds ${names.join(', ')}.`,
    );
  }
  const paths: string[] = [];
  for (const wheel of enginePackage.wheels) {
    const path = status.isDirectory() ? join(given, wheel.fileName) : given;
    if (!(await isWheel(path, wheel, signal))) throw wrongWheel(path, wheel);
    paths.push(path);
  }
  return paths;
}

async function isWheel(path: string, wheel: WheelPin, signal: AbortSignal | undefined): Promise<boolean> {
  const bytes = await stat(path).then(
    (status) => status.size,
    () => null,
  );
  return bytes === wheel.bytes && (await sha256OfFile(path, signal)) === wheel.sha256;
}

function wrongWheel(path: string, wheel: WheelPin): LabError {
  return new LabError(
    'downloadFailed',
    `“${path}” is missing or is not the expected ${wheel.fileName}: its size or SHA-256 differs.`,
    `Download ${wheel.project} ${wheel.version} again; its SHA-256 must be ${wheel.sha256}.`,
  );
}

async function checkSpace(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new LabError(
    'diskFull',
    `${formatBytes(neededBytes)} are needed in “${directory}”, and ${formatBytes(freeBytes)} are free.`,
    'Free some space, or let NORMLAB_ENGINE_DIR name a folder on another disk.',
  );
}

function explainFailure(error: unknown, cacheDirectory: string): unknown {
  const code = error instanceof LabError ? error.code : systemErrorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'diskFull') {
    if (error instanceof LabError && error.message.includes('needed')) return error;
    return new LabError(
      'diskFull',
      `The disk that holds “${cacheDirectory}” is full.`,
      'Free some space, or let NORMLAB_ENGINE_DIR name a folder on another disk.',
      error,
    );
  }
  if (code === 'labNotWritable' || ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code ?? '')) {
    return new LabError(
      'engineMissing',
      `Engines cannot be installed: “${cacheDirectory}” cannot be written.`,
      'Let NORMLAB_ENGINE_DIR name a folder that can be written, or NORMLAB_TENSORFLOW an installed TensorFlow.',
      error,
    );
  }
  return error;
}
