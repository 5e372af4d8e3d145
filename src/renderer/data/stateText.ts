import type { QueueState, RunListItem } from '#shared/contract.ts';
import type { RunState } from '#shared/domain/runState.ts';
import { formatCount } from './format.ts';

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

/** What each state means, and what comes of it. */
export const stateHelp: Readonly<Record<RunState, string>> = {
  queued: 'Starts when its turn comes in the queue.',
  preparing: 'The engine starts and compiles the training step.',
  running: 'Trains now, and saves checkpoints on the way.',
  stopping: 'Saves a checkpoint at the next step, then ends.',
  stopped: 'Ended on request, with a checkpoint. It can be resumed.',
  paused: 'Keeps its place in the list of the queue until it is resumed, then goes on from its checkpoint.',
  done: 'Trained to its end.',
  failed: 'Ended by an error. It can be resumed from its last checkpoint.',
  diverged: 'Ended because its values stopped being finite: a result, too.',
  lost: 'NormLab or the training process ended meanwhile. It can be resumed from its last checkpoint.',
};

/** What a run waits for, or goes on from, where its state alone does not tell; null where there is nothing to add. */
export function explainRun(run: Pick<RunListItem, 'id' | 'state' | 'progress'>, queue: QueueState): string | null {
  const step = run.progress?.step ?? 0;
  const place = step > 0 ? `at step ${formatCount(step)}` : 'before its first step';
  switch (run.state) {
    case 'queued': {
      if (queue.unstarted.includes(run.id)) return 'Left waiting when NormLab was closed: resume it to let it start.';
      if (queue.halted) return `Waits: ${queue.halted.message}`;
      if (queue.settings.paused) return 'Waits: the queue is paused.';
      const position = queue.queued.indexOf(run.id) + 1;
      if (position === 1 && queue.waitsFor) return queue.waitsFor.message;
      return position > 0 ? `Number ${formatCount(position)} in the queue.` : null;
    }
    case 'preparing':
    case 'stopping':
      return stateHelp[run.state];
    case 'paused':
      return `Paused ${place}. Resumed, it waits for its turn and goes on from there.`;
    case 'stopped':
      return `Stopped ${place}. Resumed, it waits for its turn and goes on from there.`;
    default:
      return null;
  }
}

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
