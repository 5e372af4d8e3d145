import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { makeDirectory } from '#files/makeDirectory.ts';
import { LabError } from '#shared/errors.ts';
import { isBusy, isDamaged, toStoreError } from './storeErrors.ts';

const lockOwnerSchema = z.object({ pid: z.int(), host: z.string(), startedAt: z.string(), purpose: z.string() });

/** Who holds a lock, for messages only: the lock itself is the operating system's. */
export type LockOwner = z.infer<typeof lockOwnerSchema>;

export interface ProcessLock {
  /** The lock file; it stays when the lock is released, because deleting it would let two owners in. */
  readonly path: string;
  readonly owner: LockOwner;
  /** Gives the lock back; a second call does nothing. */
  release(): void;
}

export interface AcquireOptions {
  /** Gives up waiting. */
  signal?: AbortSignal;
  /** Called once when another process holds the lock; `null` where its name is not known. */
  onWait?: (owner: LockOwner | null) => void;
  /** Time between two attempts. */
  intervalMs?: number;
}

/** Held connections: one that is collected as garbage would drop its lock. */
const held = new Set<Database.Database>();

function ownerPath(path: string): string {
  return `${path.replace(/\.lock$/, '')}.json`;
}

/** Who says to hold this lock; `null` where nobody wrote it down. */
export function readLockOwner(path: string): LockOwner | null {
  try {
    return lockOwnerSchema.parse(JSON.parse(readFileSync(ownerPath(path), 'utf8')));
  } catch {
    return null;
  }
}

/**
 * Takes a lock that dies with its process, however it ends. It is SQLite's exclusive lock on an
 * empty database file: a byte-range lock on every system, over NFS too where that has locks.
 * The file must not be opened by other means in the owning process: POSIX drops a process's locks
 * on a file when any of its descriptors for that file is closed.
 * @param path Lock file, conventionally `….lock`; its folder is created. The owner is written
 *   beside it (`owner.lock`: `owner.json`).
 * @param purpose What the lock is held for, in words for the message another process shows.
 * @returns `null` where another process, or this one, holds it.
 * @throws LabError `labNotWritable` or `diskFull` where the file cannot be made.
 */
export function tryAcquireProcessLock(path: string, purpose: string): ProcessLock | null {
  let database: Database.Database | undefined;
  try {
    makeDirectory(dirname(path));
    database = new Database(path, { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (isBusy(error)) return null;
    if (isDamaged(error)) {
      throw new LabError(
        'labNotWritable',
        `${path} is not a lock file of this program.`,
        'Move it away and try again.',
        error,
      );
    }
    throw toStoreError(error, path);
  }
  const connection = database;
  held.add(connection);
  const owner: LockOwner = { pid: process.pid, host: hostname(), startedAt: new Date().toISOString(), purpose };
  try {
    writeFileSync(ownerPath(path), `${JSON.stringify(owner)}\n`);
  } catch {
    // Only the message of another process depends on it.
  }
  return {
    path,
    owner,
    release() {
      if (!held.delete(connection)) return;
      // Before the lock goes, so that the next owner's note is never the one removed.
      rmSync(ownerPath(path), { force: true });
      connection.close();
    },
  };
}

/**
 * Waits for a lock as long as another process holds it.
 * @throws LabError `cancelled` when the signal aborts; and see `tryAcquireProcessLock`.
 */
export async function acquireProcessLock(
  path: string,
  purpose: string,
  { signal, onWait, intervalMs = 200 }: AcquireOptions = {},
): Promise<ProcessLock> {
  let waiting = false;
  for (;;) {
    if (signal?.aborted) throw cancelledWaiting(path, signal.reason);
    const lock = tryAcquireProcessLock(path, purpose);
    if (lock) return lock;
    if (!waiting) onWait?.(readLockOwner(path));
    waiting = true;
    try {
      await delay(intervalMs, undefined, signal ? { signal } : {});
    } catch (error) {
      throw cancelledWaiting(path, error);
    }
  }
}

function cancelledWaiting(path: string, cause: unknown): LabError {
  return new LabError('cancelled', `Waiting for ${path} was cancelled.`, 'Start it again when you are ready.', cause);
}
