import type { RunState } from '#shared/domain/runState.ts';

export type StateTone = 'idle' | 'running' | 'done' | 'warning' | 'failed';

/** States of runs as people read them. */
export const stateLabels: Readonly<Record<RunState, string>> = {
  queued: 'Waiting',
  preparing: 'Preparing',
  running: 'Running',
  stopping: 'Stopping',
  stopped: 'Stopped',
  paused: 'Paused',
  done: 'Done',
  failed: 'Failed',
  diverged: 'Diverged',
  lost: 'Interrupted',
};

export const stateTones: Readonly<Record<RunState, StateTone>> = {
  queued: 'idle',
  preparing: 'running',
  running: 'running',
  stopping: 'running',
  stopped: 'idle',
  paused: 'idle',
  done: 'done',
  failed: 'failed',
  diverged: 'warning',
  lost: 'failed',
};

/** The state that says most about several runs together: what needs attention first, then what goes on. */
const prominence: readonly RunState[] = [
  'failed',
  'lost',
  'running',
  'preparing',
  'stopping',
  'queued',
  'paused',
  'diverged',
  'stopped',
  'done',
];

/** The state to show for several runs, and how many of them are in it; null without runs. */
export function prominentState(states: readonly RunState[]): { state: RunState; count: number } | null {
  const state = prominence.find((candidate) => states.includes(candidate));
  return state === undefined ? null : { state, count: states.filter((each) => each === state).length };
}
