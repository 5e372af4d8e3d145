import { constants, existsSync, rmSync } from 'node:fs';
import { chmod, copyFile, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { isProcessAlive } from '#files/processes.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { acquireLabLock, labLockPath, type LabDoor, type LabLock } from './labLock.ts';
import { applicationId, migrateDatabase, newestVersion, readVersion, readWriter } from './migrate.ts';
import { databasePath, openStore, type OpenLab } from './openStore.ts';
import { damagedFile, toStoreError } from './storeErrors.ts';
import type { MemoryStore } from './store.ts';

/** A lab that is shown and not changed. */
export interface LabForReading extends Omit<OpenLab, 'owner' | 'renew'> {
  /** Why, and what to do. */
  readOnly: LabErrorData;
  /** Folder of the copy of its database that is read. */
  databaseDirectory: string;
}

/** True where the folder's database has a layout that only a newer program knows; the database is not opened. */
export async function isFromNewerVersion(labDirectory: string): Promise<boolean> {
  const handle = await open(databasePath(labDirectory), 'r').catch(() => null);
  if (handle === null) return false;
  try {
    // Where SQLite keeps `application_id` and `user_version` (SQLite, “Database File Format”, 1.3).
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(72), 0, 72, 0);
    return bytesRead === 72 && buffer.readUInt32BE(68) === applicationId && buffer.readUInt32BE(60) > newestVersion;
  } finally {
    await handle.close();
  }
}

/** True where a lab that did not open for this reason may still be looked at. */
export function canBeRead(labDirectory: string, error: unknown): error is LabError {
  const isReason = error instanceof LabError && ['labFromNewerVersion', 'labNotWritable'].includes(error.code);
  return isReason && existsSync(databasePath(labDirectory));
}

/**
 * Opens a lab without changing anything in its folder: what is read is a copy of its database, made beside
 * other temporary files, because SQLite writes next to a database even where it only reads it. Nobody else
 * is kept from the lab.
 * @throws LabError `labInUse`, `labDamaged`, `diskFull`.
 */
export async function openLabForReading(labDirectory: string, door: LabDoor): Promise<LabForReading> {
  await removeLeftovers();
  const copyDirectory = await mkdtemp(join(tmpdir(), `${copyPrefix}${process.pid}-`));
  const removeCopy = (): void => rmSync(copyDirectory, { recursive: true, force: true });
  try {
    await copyUnchanged(labDirectory, copyDirectory, door);
    const file = databasePath(copyDirectory);
    const writer = prepareCopy(file);
    const notices: LabErrorData[] = [];
    const store = openStore(copyDirectory, { readOnly: true, onNotice: (notice) => notices.push(notice) });
    return {
      directory: labDirectory,
      databaseDirectory: copyDirectory,
      readOnly: toLabErrorData(writer === null ? notWritable(labDirectory) : newerProgram(writer)),
      store: { ...store, memory: memoryOfThisSession(store.memory) },
      notices,
      close() {
        try {
          store.close();
        } finally {
          removeCopy();
        }
      },
    };
  } catch (error) {
    removeCopy();
    // A file that the person knows.
    const isDamaged = error instanceof LabError && error.code === 'labDamaged';
    throw isDamaged ? damagedFile(databasePath(labDirectory), error) : toStoreError(error, databasePath(labDirectory));
  }
}

const copyPrefix = 'normlab-reading-';

/** Copies whose process ended without removing them. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const [, pid] = /^normlab-reading-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || isProcessAlive(Number(pid))) continue;
    // Another user's cannot be removed, and is not ours.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

const copyAttempts = 5;

/** Copies the database with its journals as it is at one moment: again where it changed meanwhile. */
async function copyUnchanged(labDirectory: string, copyDirectory: string, door: LabDoor): Promise<void> {
  const lock = holdLab(labDirectory, door);
  try {
    const files = ['', '-wal', '-journal'].map((suffix) => databasePath(labDirectory) + suffix);
    const state = async (): Promise<string> =>
      JSON.stringify(
        await Promise.all(
          files.map((file) =>
            stat(file).then(
              ({ size, mtimeMs }) => [size, mtimeMs],
              () => null,
            ),
          ),
        ),
      );
    for (let attempt = 1; attempt <= copyAttempts; attempt += 1) {
      const before = await state();
      for (const file of files) {
        const copy = join(copyDirectory, basename(file));
        await rm(copy, { force: true });
        if (!existsSync(file)) continue;
        await copyFile(file, copy, constants.COPYFILE_FICLONE);
        // The lab's file may be one that nobody may write.
        await chmod(copy, 0o600);
      }
      if ((await state()) === before) return;
    }
  } finally {
    lock?.release();
  }
  throw new LabError(
    'labInUse',
    `The lab folder ${labDirectory} is being written by another program.`,
    'Wait until it is done, then try again.',
  );
}

/** Keeps others from writing meanwhile; null where nobody can own the lab, or this process may not write there. */
function holdLab(labDirectory: string, door: LabDoor): LabLock | null {
  // Whoever owns a lab made this file.
  if (!existsSync(labLockPath(labDirectory))) return null;
  try {
    return acquireLabLock(labDirectory, door);
  } catch (error) {
    if (error instanceof LabError && error.code === 'labNotWritable') return null;
    throw error;
  }
}

/**
 * Takes in what its journal holds; an older layout is brought up to date.
 * @returns the newer program that wrote it, in words; null where this program can write it as well.
 */
function prepareCopy(file: string): string | null {
  const database = new Database(file);
  try {
    database.pragma('journal_mode = DELETE');
    const version = readVersion(database);
    if (version <= newestVersion) {
      migrateDatabase(database);
      return null;
    }
    return readWriter(database) ?? `layout ${version}`;
  } finally {
    database.close();
  }
}

function newerProgram(writer: string): LabError {
  return new LabError(
    'labFromNewerVersion',
    `This lab was last used by a newer NormLab (version ${writer}). It is open for reading.`,
    'Update NormLab to train here; you can export runs or a copy of the lab.',
  );
}

function notWritable(labDirectory: string): LabError {
  return new LabError(
    'labNotWritable',
    `The lab folder ${labDirectory} cannot be written. It is open for reading.`,
    'To train here, make the folder writable and start NormLab again; you can export runs or a copy of the lab.',
  );
}

/** Remembers until the program ends, and keeps nothing. */
function memoryOfThisSession(kept: MemoryStore): MemoryStore {
  const values = new Map<string, unknown>();
  return {
    get(key) {
      if (values.has(key)) return values.get(key);
      try {
        return kept.get(key);
      } catch {
        // A newer program keeps such things in another way: what the interface remembers is not missed.
        return null;
      }
    },
    set(key, value) {
      values.set(key, value ?? null);
    },
  };
}
