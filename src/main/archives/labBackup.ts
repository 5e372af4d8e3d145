import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { requireAbsent, syncDirectory } from '#files/atomicWrite.ts';
import { describeWriteError, systemErrorCode } from '#files/fileErrors.ts';
import { LabError, type LabErrorData } from '#shared/errors.ts';
import { checkpointDirectory } from '../runs/checkpointFiles.ts';
import { databasePath } from '../store/openStore.ts';
import { copyDatabaseFile } from '../store/copyDatabase.ts';
import { runDatabaseTask } from '../store/databaseThread.ts';
import type { Store } from '../store/store.ts';
import { unpackArchiveFile, writeArchive, type ArchiveEntry, type ArchiveWatch } from './archiveFile.ts';

export interface BackupReport {
  file: string;
  bytes: number;
  runs: number;
  /** Data sets in it. */
  datasets: string[];
  /** What is damaged in the lab, and so in its backup. */
  damaged: LabErrorData[];
}

export interface BackupOptions {
  datasets?: boolean;
  signal?: AbortSignal;
  onProgress?: (phase: BackupPhase, doneBytes: number, totalBytes: number) => void;
  /** Copies the lab's database; for who has it open. */
  copyTo?: Store['copyTo'];
}

export type BackupPhase = 'Copying the database' | 'Writing the backup';

/**
 * Writes a whole lab into one file, also while it is in use: its database as it is at one moment, the
 * checkpoints that it names, data sets, weights that runs begin with, and exported figures.
 * @throws LabError `notFound` where there is no lab, `invalidArgument` where there is a file of this name, `diskFull`,
 *   `labNotWritable`, `labDamaged`, `labInUse`.
 */
export async function backupLab(
  labDirectory: string,
  file: string,
  options: BackupOptions = {},
): Promise<BackupReport> {
  const database = databasePath(labDirectory);
  if (!existsSync(database)) {
    throw new LabError('notFound', `There is no lab in ${labDirectory}.`, 'Name its folder with --lab DIR.');
  }
  await requireAbsent(file);
  const copy = await makeWorkDirectory(dirname(file));
  try {
    const copiedDatabase = join(copy, basename(database));
    const { signal, onProgress } = options;
    const copyTo = options.copyTo ?? ((to, watch) => copyDatabaseFile(database, to, watch));
    await copyTo(copiedDatabase, {
      ...(signal === undefined ? {} : { signal }),
      onProgress: (done, total) => onProgress?.('Copying the database', done, total),
    });
    const description = await runDatabaseTask('describeCopy', { directory: copy }, copiedDatabase, signal);
    const { checkpoints, runs, damaged } = description;
    const datasets = options.datasets === false ? [] : await listFiles(labDirectory, 'datasets');
    const entries: ArchiveEntry[] = [
      { name: basename(database), file: copiedDatabase },
      ...checkpoints.map((entry) => toEntry(labDirectory, checkpointDirectory(labDirectory, entry.runId), entry.name)),
      ...datasets,
      ...(await listFiles(labDirectory, 'weights')),
      ...(await listFiles(labDirectory, 'exports')),
    ];
    const totalBytes = onProgress === undefined ? 0 : await sumSizes(entries);
    let doneBytes = 0;
    const { files } = await writeArchive(file, 'lab', entries, {
      ...(signal === undefined ? {} : { signal }),
      onBytes: (count) => {
        doneBytes += count;
        onProgress?.('Writing the backup', doneBytes, totalBytes);
      },
    });
    return {
      file,
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      runs,
      datasets: [...new Set(datasets.map(({ name }) => name.split('/')[1] ?? ''))],
      damaged,
    };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/**
 * Makes a lab folder from a backup; it appears whole or not at all.
 * @throws LabError `labNotWritable` where the folder has something in it, `invalidArchive`, `diskFull`.
 */
export async function restoreLab(
  file: string,
  labDirectory: string,
  watch: ArchiveWatch = {},
): Promise<{ directory: string; runs: number }> {
  await requireEmpty(labDirectory);
  const parent = dirname(labDirectory);
  const work = await makeWorkDirectory(parent);
  const unpacked = join(work, 'lab');
  try {
    const { files } = await unpackArchiveFile(file, 'lab', unpacked, watch);
    if (!files.some(({ name }) => name === basename(databasePath(labDirectory)))) {
      throw new LabError('invalidArchive', `“${file}” holds no database.`, 'Use another backup.');
    }
    const runs = await runDatabaseTask('prepareRestored', { directory: unpacked }, file, watch.signal);
    await rmdir(labDirectory).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOENT') throw describeWriteError(error, labDirectory);
    });
    await rename(unpacked, labDirectory).catch((error: unknown) => {
      throw describeWriteError(error, labDirectory);
    });
    await syncDirectory(parent);
    return { directory: labDirectory, runs };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A folder for work in progress, on the disk that the result will be on. */
export async function makeWorkDirectory(parent: string): Promise<string> {
  const directory = join(parent, `.normlab-${randomBytes(6).toString('hex')}.tmp`);
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw describeWriteError(error, parent);
  }
  return directory;
}

async function requireEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw describeWriteError(error, directory);
  });
  if (names.length === 0) return;
  throw new LabError(
    'labNotWritable',
    `The folder ${directory} is not empty.`,
    'Name a new folder with --lab DIR: a backup is never put over a lab.',
  );
}

function toEntry(labDirectory: string, folder: string, name: string): ArchiveEntry {
  const file = join(folder, name);
  return { name: relative(labDirectory, file).split(sep).join('/'), file, optional: true };
}

async function sumSizes(entries: readonly ArchiveEntry[]): Promise<number> {
  let sum = 0;
  for (const { file } of entries) sum += (await stat(file).catch(() => null))?.size ?? 0;
  return sum;
}

/** Every file below a folder of the lab but hidden ones, which are work in progress. */
async function listFiles(labDirectory: string, folder: string): Promise<ArchiveEntry[]> {
  const entries = await readdir(join(labDirectory, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => toEntry(labDirectory, entry.parentPath, entry.name))
    .filter(({ name }) => !name.split('/').some((segment) => segment.startsWith('.')))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}
