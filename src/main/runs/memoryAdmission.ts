import type { QueueWait } from '#shared/domain/queue.ts';

export interface MemoryUse {
  /** What it will need at most; null where that cannot be estimated. */
  neededBytes: number | null;
  /** What it holds now; null where it has not told yet. */
  residentBytes: number | null;
}

/**
 * Whether a run fits into memory beside those that train, which may still grow to what they need.
 * A run that would train alone is never held back: nothing would be gained by waiting.
 */
export function findMemoryObstacle(
  neededBytes: number | null,
  training: readonly MemoryUse[],
  freeBytes: number,
): QueueWait | null {
  if (training.length === 0) return null;
  if (neededBytes === null) {
    const message = 'How much memory the next run needs is not known: it waits until it can train alone.';
    return { reason: 'memory', message };
  }
  const growthBytes = training.reduce(
    (sum, use) => sum + Math.max(0, (use.neededBytes ?? 0) - (use.residentBytes ?? 0)),
    0,
  );
  const leftBytes = Math.max(0, freeBytes - growthBytes);
  if (neededBytes <= leftBytes) return null;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  return {
    reason: 'memory',
    message: `The next run needs about ${gigabytes(neededBytes)} of memory; ${gigabytes(leftBytes)} are left beside what trains.`,
  };
}
