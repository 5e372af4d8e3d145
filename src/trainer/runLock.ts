import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from '#shared/errors.ts';
import { describeWriteError, systemErrorCode } from '#files/fileErrors.ts';
import { identifyProcess, isSameProcessAlive, processIdentitySchema, type ProcessIdentity } from '#files/processes.ts';

/** Names in a checkpoint folder that belong to its lock. */
const lockName = '.trainer';
const ownerFile = 'owner.json';
const pollIntervalMs = 50;
const defaultPatienceMs = 60_000;

export interface RunLock {
  release(): Promise<void>;
}

/**
 * Makes sure that one trainer works in a run's checkpoint folder, and makes the folder. A trainer whose
 * main process was killed may live a moment longer than that; the run's next trainer waits for its end.
 *
 * The lock is a folder that appears whole, with its owner's identity inside; that of a process that is
 * gone is taken over. Of processes on other machines nothing can be known: the lab's own lock keeps them away.
 * @throws LabError `invalidState` where another trainer does not end, `diskFull` or `labNotWritable`.
 */
export async function lockRun(checkpointDirectory: string, patienceMs = defaultPatienceMs): Promise<RunLock> {
  const lock = join(checkpointDirectory, lockName);
  const giveUpAt = performance.now() + patienceMs;
  while (!(await tryLock(checkpointDirectory, lock))) {
    const owner = await readOwner(lock);
    // This process holds no lock twice: one with its own id was left by an earlier process of that id.
    if (owner === null || owner.processId === process.pid || !isSameProcessAlive(owner)) {
      await removeStaleLock(lock, owner);
    } else if (performance.now() >= giveUpAt) {
      throw new LabError(
        'invalidState',
        `Another trainer, process ${owner.processId}, still works on this run.`,
        'End that process, then resume the run.',
      );
    } else {
      await delay(pollIntervalMs);
    }
  }
  return { release: () => rm(lock, { recursive: true, force: true }) };
}

async function tryLock(checkpointDirectory: string, lock: string): Promise<boolean> {
  const candidate = `${lock}.${process.pid}`;
  try {
    await mkdir(checkpointDirectory, { recursive: true });
    await rm(candidate, { recursive: true, force: true });
    await mkdir(candidate);
    await writeFile(join(candidate, ownerFile), JSON.stringify(identifyProcess(process.pid)));
    // Fails where the lock is there, because that folder is not empty.
    await rename(candidate, lock);
    return true;
  } catch (error) {
    await rm(candidate, { recursive: true, force: true }).catch(() => undefined);
    if (['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) return false;
    throw describeWriteError(error, checkpointDirectory);
  }
}

async function readOwner(lock: string): Promise<ProcessIdentity | null> {
  try {
    return processIdentitySchema.parse(JSON.parse(await readFile(join(lock, ownerFile), 'utf8')));
  } catch {
    return null;
  }
}

/** Puts a lock away and, where another process took it over in between, gives it back. */
async function removeStaleLock(lock: string, stale: ProcessIdentity | null): Promise<void> {
  const aside = `${lock}.stale-${process.pid}`;
  try {
    await rename(lock, aside);
  } catch (error) {
    // It was released or taken over meanwhile.
    if (systemErrorCode(error) === 'ENOENT') return;
    throw describeWriteError(error, lock);
  }
  const removed = await readOwner(aside);
  if (JSON.stringify(removed) !== JSON.stringify(stale)) await rename(aside, lock).catch(() => undefined);
  await rm(aside, { recursive: true, force: true });
}

/** Whether a name in a checkpoint folder was left by a process that ended while it took the lock. */
export function isLockLeftover(name: string): boolean {
  return name.startsWith(`${lockName}.`);
}
