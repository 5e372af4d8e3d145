import { IconPlayerPause, IconPlayerPlay, IconPlayerStop } from '@tabler/icons-vue';
import type { Component } from 'vue';
import type { RunListItem } from '#shared/contract.ts';
import { isPausable, isResumable, isStoppable } from '#shared/domain/runState.ts';
import { useExperiments } from '../stores/experiments.ts';
import { useMachine } from '../stores/machine.ts';
import { useToasts } from '../stores/toasts.ts';

type Runs = readonly RunListItem[];

/** Something that can be done with some runs now. */
export interface RunAction {
  id: 'pause' | 'resume' | 'stop';
  verb: string;
  icon: Component;
  /** What comes of it. */
  help: string;
  /** Those that are in a state for it. */
  runs: RunListItem[];
  run: () => void;
}

/** An entry of a menu. */
export interface RunMenuAction {
  label: string;
  icon: Component;
  changes: true;
  run: () => void;
}

export interface RunActions {
  /** What the states of these runs allow; empty where all of them came to their end. */
  possible: (runs: Runs) => RunAction[];
  /** For those that take long to stop: without waiting for their checkpoint. Menus only, as stopping rarely lasts. */
  endAtOnce: (runs: Runs) => RunMenuAction[];
  /**
   * Both for a menu.
   * @param whose Behind the verb where several runs are meant: `of this curve`.
   */
  menuFor: (runs: Runs, whose?: string) => RunMenuAction[];
}

/** Pause, resume and stop as every view offers them: which of them a state allows is decided here only. */
export function useRunActions(): RunActions {
  const experiments = useExperiments();
  const machine = useMachine();
  const toasts = useToasts();

  const act = (able: Runs, invoke: (ids: string[]) => Promise<void>) => (): void => {
    void toasts.attempt(() => invoke(able.map((run) => run.id)));
  };

  function possible(runs: Runs): RunAction[] {
    const unstarted = new Set(machine.queue.unstarted);
    const [pausable, resumable, stoppable] = [
      runs.filter((run) => isPausable(run.state)),
      // Those that an earlier session left waiting start when they are asked to.
      runs.filter((run) => isResumable(run.state) || (run.state === 'queued' && unstarted.has(run.id))),
      runs.filter((run) => isStoppable(run.state)),
    ];
    const all: RunAction[] = [
      {
        id: 'pause',
        verb: 'Pause',
        icon: IconPlayerPause,
        help: 'Saves a checkpoint at the next step and makes room for other runs until it is resumed',
        runs: pausable,
        run: act(pausable, experiments.pause),
      },
      {
        id: 'resume',
        verb: 'Resume',
        icon: IconPlayerPlay,
        help: 'Puts it into the queue, to go on from its last checkpoint',
        runs: resumable,
        run: act(resumable, experiments.resume),
      },
      {
        id: 'stop',
        verb: 'Stop',
        icon: IconPlayerStop,
        help: 'Saves a checkpoint at the next step and takes it out of the queue; it can be resumed',
        runs: stoppable,
        run: act(stoppable, experiments.stop),
      },
    ];
    return all.filter((action) => action.runs.length > 0);
  }

  function endAtOnce(runs: Runs): RunMenuAction[] {
    const stopping = runs.filter((run) => run.state === 'stopping');
    if (stopping.length === 0) return [];
    const label = runs.length === 1 ? 'End without a checkpoint' : `End ${stopping.length} without a checkpoint`;
    return [{ label, icon: IconPlayerStop, changes: true, run: act(stopping, experiments.stop) }];
  }

  function menuFor(runs: Runs, whose = ''): RunMenuAction[] {
    const actions = possible(runs).map(({ verb, icon, runs: able, run }): RunMenuAction => {
      const label = runs.length === 1 ? verb : `${verb} ${countOf(able.length, runs.length)} runs ${whose}`.trim();
      return { label, icon, changes: true, run };
    });
    return [...actions, ...endAtOnce(runs)];
  }

  return { possible, endAtOnce, menuFor };
}

function countOf(count: number, total: number): string {
  return count === total ? `all ${total}` : `${count} of ${total}`;
}
