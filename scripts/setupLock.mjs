// One process sets up at a time. A lock is a folder that appears whole, with its owner's name inside;
// the lock of a process that is gone is taken over.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { SetupError } from './setupError.mjs';

const pollMs = 200;
const heartbeatMs = 5_000;
/** An owner on another machine that gave no sign of life for so long is taken to be gone. */
const silentOwnerMs = 60_000;

/**
 * Runs `action` while no other process of this clone does.
 * @param {string} directory The project's.
 * @param {(addWorker: (pid: number) => void) => Promise<T>} action May name a child process: while it
 *   runs the lock holds, even where its owner was killed.
 * @template T
 */
export async function withSetupLock(directory, action) {
  const lock = path.join(directory, 'out', 'setup.lock');
  let waited = false;
  while (!tryLock(lock)) {
    if (removeStaleLock(lock)) continue;
    if (!waited) process.stderr.write('Another process is setting NormLab up; waiting for it …\n');
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(lock, now, now);
    } catch {
      // Only other machines look at it.
    }
  }, heartbeatMs);
  const unlock = () => rmSync(lock, { recursive: true, force: true });
  process.on('exit', unlock);
  try {
    return await action((pid) => {
      writeFileSync(path.join(lock, 'worker.json'), JSON.stringify(identify(pid)));
    });
  } finally {
    clearInterval(heartbeat);
    process.off('exit', unlock);
    unlock();
  }
}

function tryLock(lock) {
  const candidate = `${lock}.${process.pid}`;
  try {
    mkdirSync(candidate, { recursive: true });
    writeFileSync(path.join(candidate, 'owner.json'), JSON.stringify(identify(process.pid)));
  } catch (error) {
    if (error.code === 'ENOSPC') {
      throw new SetupError(
        'The disk is full.',
        'Free some space, or clone to another disk, and run the command again.',
      );
    }
    throw new SetupError(
      `The project's folder cannot be written: ${path.dirname(path.dirname(lock))}`,
      'Use a clone that you may write to.',
    );
  }
  try {
    // Fails where the lock is there, because that folder is not empty.
    renameSync(candidate, lock);
    return true;
  } catch {
    rmSync(candidate, { recursive: true, force: true });
    return false;
  }
}

/** Frees a lock whose owner is gone. Returns true where it is worth trying again at once. */
function removeStaleLock(lock) {
  const owner = readIdentity(lock, 'owner.json');
  if (owner === null) return true;
  const worker = readIdentity(lock, 'worker.json');
  if (isAlive(owner, lock) || (worker !== null && isAlive(worker, lock))) return false;
  const aside = `${lock}.stale-${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch {
    return true;
  }
  const removed = readIdentity(aside, 'owner.json');
  // Someone else took it over in between: give it back.
  if (removed !== null && JSON.stringify(removed) !== JSON.stringify(owner)) {
    try {
      renameSync(aside, lock);
      return false;
    } catch {
      // A third process has the lock by now.
    }
  }
  rmSync(aside, { recursive: true, force: true });
  return true;
}

function readIdentity(lock, name) {
  try {
    return JSON.parse(readFileSync(path.join(lock, name), 'utf8'));
  } catch {
    return null;
  }
}

function isAlive(owner, lock) {
  if (owner.host !== hostname()) {
    try {
      return Date.now() - statSync(lock).mtimeMs < silentOwnerMs;
    } catch {
      return false;
    }
  }
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  // The number may belong to a younger process by now.
  const { startTime } = identify(owner.pid);
  return startTime === null || owner.startTime === null || startTime === owner.startTime;
}

function identify(pid) {
  let startTime = null;
  try {
    // Field 22 of the process's status, counted behind its name, which may hold spaces.
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    startTime = status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    // Not Linux.
  }
  return { pid, host: hostname(), startTime };
}
