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
  /**
   * The same for a menu.
   * @param whose Behind the verb where several runs are meant: `of this curve`.
   */
  menuFor: (runs: Runs, whose?: string) => RunMenuAction[];
}

/** Pause, resume and stop as every view offers them: which of them a state allows is decided here only. */
export function useRunActions(): RunActions {
  const experiments = useExperiments();
  const machine = useMachine();
  const toasts = useToasts();

  function possible(runs: Runs): RunAction[] {
    const unstarted = new Set(machine.queue.unstarted);
    const act = (able: Runs, invoke: (ids: string[]) => Promise<void>) => (): void => {
      void toasts.attempt(() => invoke(able.map((run) => run.id)));
    };
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

  function menuFor(runs: Runs, whose = ''): RunMenuAction[] {
    return possible(runs).map(({ verb, icon, runs: able, run }) => {
      const label = runs.length === 1 ? verb : `${verb} ${countOf(able.length, runs.length)} runs ${whose}`.trim();
      return { label, icon, changes: true, run };
    });
  }

  return { possible, menuFor };
}

function countOf(count: number, total: number): string {
  return count === total ? `all ${total}` : `${count} of ${total}`;
}
