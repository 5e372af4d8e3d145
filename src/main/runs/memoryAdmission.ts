import type { GpuHealth } from '#shared/domain/machineHealth.ts';
import { formatBytes } from '#shared/formatBytes.ts';
import type { QueueWait } from '#shared/domain/queue.ts';

/** What a run will need at most; null where that cannot be estimated. */
export interface MemoryNeed {
  /** Of the machine. */
  memoryBytes: number | null;
  /** Of the graphics card, where it trains on one. */
  cardBytes: number | null;
}

const unknownNeed: QueueWait = {
  reason: 'memory',
  message: 'How much memory the next run needs is not known: it waits until it can train alone.',
};

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
  if (neededBytes === null) return unknownNeed;
  const growthBytes = training.reduce(
    (sum, use) => sum + Math.max(0, (use.neededBytes ?? 0) - (use.residentBytes ?? 0)),
    0,
  );
  const leftBytes = Math.max(0, freeBytes - growthBytes);
  if (neededBytes <= leftBytes) return null;
  return {
    reason: 'memory',
    message: `The next run needs about ${formatBytes(neededBytes)} of memory; ${formatBytes(leftBytes)} are left beside what trains.`,
  };
}

/**
 * Whether a run fits onto the graphics card beside those that train there. TensorFlow takes a card's memory as it
 * needs it and gives nothing back: what a run holds is known once it has been evaluated and has made a step.
 * @param shown Of each run that trains on the card: whether its memory is in the card's reading.
 */
export function findCardObstacle(
  neededBytes: number | null,
  shown: readonly boolean[],
  card: Pick<GpuHealth, 'name' | 'memoryUsedBytes' | 'memoryBytes'>,
): QueueWait | null {
  if (shown.length === 0) return null;
  if (neededBytes === null || card.memoryBytes === null || card.memoryUsedBytes === null) return unknownNeed;
  if (shown.includes(false)) {
    const message = `What the runs on ${card.name} need of its memory shows in their first steps: the next run waits for them.`;
    return { reason: 'memory', message };
  }
  const leftBytes = Math.max(0, card.memoryBytes - card.memoryUsedBytes);
  if (neededBytes <= leftBytes) return null;
  return {
    reason: 'memory',
    message: `The next run needs about ${formatBytes(neededBytes)} of the memory of ${card.name}; ${formatBytes(leftBytes)} are left beside what trains.`,
  };
}
