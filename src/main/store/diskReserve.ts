import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '#shared/errors.ts';

/** Enough for opening a lab and for taking note of deletions. */
const reserveBytes = 4 * 1024 ** 2;
/** A disk with less is not made fuller by a reserve. */
const plentyBytes = 16 * reserveBytes;

function reserveFile(labDirectory: string): string {
  return join(labDirectory, 'reserve.bin');
}

/**
 * Keeps some megabytes of a lab's disk for the day on which it is full: who wants to delete something then needs
 * room to write that down. Does nothing where there is little room already.
 */
export function keepDiskReserve(labDirectory: string): void {
  const file = reserveFile(labDirectory);
  try {
    if (existsSync(file)) return;
    const { bavail, bsize } = statfsSync(labDirectory);
    // Random, because file systems that compress keep no room for zeros.
    if (bavail * bsize >= plentyBytes) writeFileSync(file, randomBytes(reserveBytes), { flag: 'wx' });
  } catch {
    // A lab works without it.
  }
}

/** Does something that frees space or is needed for that; where the disk is full, once more in the reserve's room. */
export function inDiskReserve<Result>(labDirectory: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (!releaseDiskReserve(labDirectory, error)) throw error;
    return action();
  }
}

/** Gives the reserve up where an error says that the disk is full. @returns whether there is room now. */
export function releaseDiskReserve(labDirectory: string, error: unknown): boolean {
  const file = reserveFile(labDirectory);
  if (!(error instanceof LabError && error.code === 'diskFull') || !existsSync(file)) return false;
  rmSync(file, { force: true });
  return true;
}
