import { join } from 'node:path';
import { LabError } from '#shared/errors.ts';
import { readLockOwner, tryAcquireProcessLock, type LockOwner, type ProcessLock } from './processLock.ts';

/** The front door through which a process opened the lab. */
export type LabDoor = 'desktop' | 'web' | 'cli';

const doorNames: { readonly [Door in LabDoor]: string } = {
  desktop: 'the desktop app',
  web: 'the web host',
  cli: 'the command line',
};

export type LabLock = ProcessLock;

/** The file whose lock its owner holds. */
export function labLockPath(labDirectory: string): string {
  return join(labDirectory, 'owner.lock');
}

/** Who owns a lab folder now, as far as it wrote that down. */
export function readLabOwner(labDirectory: string): LockOwner | null {
  return readLockOwner(labLockPath(labDirectory));
}

/**
 * Makes this process the one owner of a lab folder until `release` or its end, however it ends.
 * @throws LabError `labInUse` naming the owner, `labNotWritable`, `diskFull`.
 */
export function acquireLabLock(labDirectory: string, door: LabDoor): LabLock {
  const lock = tryAcquireProcessLock(labLockPath(labDirectory), doorNames[door]);
  if (lock) return lock;
  const owner = readLabOwner(labDirectory);
  const name = owner
    ? `process ${owner.pid} on ${owner.host} (${owner.purpose}, since ${owner.startedAt})`
    : 'another process';
  throw new LabError(
    'labInUse',
    `The lab folder ${labDirectory} is in use by ${name}.`,
    'Wait until it is done, close it, or choose another folder with --lab DIR.',
  );
}
