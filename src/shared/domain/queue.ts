import type { QueueState } from '../contract.ts';

/** Waiting runs of a higher priority start first; within one, the order of the queue holds. */
export const runPriorities = ['high', 'normal', 'low'] as const;
export type RunPriority = (typeof runPriorities)[number];

/** Where a waiting run can be moved among those of its priority. */
export const queueMoves = ['up', 'down', 'top', 'bottom'] as const;
export type QueueMove = (typeof queueMoves)[number];

export const maximumTrainersAtOnce = 16;

/** How a lab's queue goes on; kept with the lab. */
export interface QueueSettings {
  /** Nothing new starts; what trains goes on to its end. */
  paused: boolean;
  /** Runs that may train at the same time, memory allowing. */
  trainersAtOnce: number;
  /** A run starts only when nothing else has kept the machine busy for a while. */
  startWhenIdle: boolean;
}

export const defaultQueueSettings: QueueSettings = { paused: false, trainersAtOnce: 1, startWhenIdle: false };

/** Why the next run is not started although fewer train than may. */
export interface QueueWait {
  reason: 'paused' | 'memory' | 'busyMachine';
  /** In words. */
  message: string;
}

/** The order after one of its ids was moved; the same where it is at that end already. */
export function moveInOrder(order: readonly string[], id: string, to: QueueMove): string[] {
  const from = order.indexOf(id);
  if (from < 0) return [...order];
  const last = order.length - 1;
  const target = { up: Math.max(0, from - 1), down: Math.min(last, from + 1), top: 0, bottom: last }[to];
  return order.toSpliced(from, 1).toSpliced(target, 0, id);
}

/** A queue in which nothing is, before the lab has told. */
export const emptyQueue: QueueState = {
  running: [],
  queued: [],
  unstarted: [],
  interrupted: [],
  settings: defaultQueueSettings,
  waitsFor: null,
  secondsLeft: null,
};
