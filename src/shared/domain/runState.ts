/** Life-cycle of a run. */
export const runStates = [
  'queued',
  'preparing',
  'running',
  'stopping',
  'stopped',
  'paused',
  'done',
  'failed',
  'diverged',
  'lost',
] as const;
export type RunState = (typeof runStates)[number];

/**
 * Allowed transitions. `lost`: the trainer or the lab ended without saying why; `stopped`: ended
 * on request, with a checkpoint; `paused`: the same, to be gone on with later. What trains when the lab is closed
 * is `queued` again. A run that did not reach its end may be queued again (resume).
 */
const transitions: { readonly [State in RunState]: readonly RunState[] } = {
  queued: ['preparing', 'stopped', 'paused', 'failed'],
  preparing: ['running', 'stopping', 'failed', 'lost'],
  running: ['stopping', 'done', 'failed', 'diverged', 'lost'],
  stopping: ['stopped', 'paused', 'queued', 'done', 'failed', 'diverged', 'lost'],
  stopped: ['queued'],
  paused: ['queued', 'stopped'],
  done: [],
  failed: ['queued'],
  diverged: [],
  lost: ['queued'],
};

export function canTransition(from: RunState, to: RunState): boolean {
  return transitions[from].includes(to);
}

/** True while a trainer process works on the run. */
export function isActive(state: RunState): boolean {
  return state === 'preparing' || state === 'running' || state === 'stopping';
}

/** True when the run will not go on by itself. */
export function isEnded(state: RunState): boolean {
  return !isActive(state) && state !== 'queued';
}

/** True when the run can go on from its last checkpoint (or start again where it has none). */
export function isResumable(state: RunState): boolean {
  return state !== 'stopping' && canTransition(state, 'queued');
}

/** True when the run can be paused: at once while it waits, with a checkpoint at the next step while it trains. */
export function isPausable(state: RunState): boolean {
  return state === 'queued' || state === 'preparing' || state === 'running';
}

/** True when the run can be asked to stop; one that is stopping already was. */
export function isStoppable(state: RunState): boolean {
  return isPausable(state) || state === 'paused';
}
