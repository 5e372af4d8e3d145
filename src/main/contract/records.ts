import type { ExperimentListItem, QueueEntry, QueueState, RunListItem } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import type { ExperimentRecord, MetricStore, RunRecord } from '../store/store.ts';
import type { ContractContext } from './context.ts';
import { scheduleQueue, type QueueSchedule } from './queueSchedule.ts';

interface RevisionSource {
  readonly store: { readonly metrics: Pick<MetricStore, 'revision'> };
}

/** A run as clients list it. */
export function toRunListItem({ lab }: { lab: RevisionSource }, run: RunRecord): RunListItem {
  return {
    id: run.id,
    experimentId: run.experimentId,
    ordinal: run.ordinal,
    label: run.label,
    methodId: run.document.method.id,
    batchSize: run.document.batchSize,
    seed: run.document.seed,
    state: run.state,
    error: run.error,
    progress: run.progress,
    summary: run.summary,
    metricsRevision: currentRevision(lab, run),
    createdAt: run.createdAt,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
  };
}

/** Points may have been discarded since the record was read. */
function currentRevision(lab: RevisionSource, run: RunRecord): number {
  try {
    return lab.store.metrics.revision(run.id);
  } catch {
    return run.metricsRevision;
  }
}

/** @throws LabError `notFound`, also where it was deleted. */
export function requireExperiment({ lab, deleted }: ContractContext, id: string): ExperimentRecord {
  const record = deleted.has(id) ? null : lab.experiments.get(id);
  if (record) return record;
  throw new LabError('notFound', `There is no experiment “${id}”.`, 'Look at the list of experiments.');
}

/** @throws LabError `notFound`; unlike the command line, clients name runs in full. */
export function requireRun({ lab }: Pick<ContractContext, 'lab'>, id: string): RunRecord {
  const run = lab.runs.get(id);
  if (run.id === id) return run;
  throw new LabError('notFound', `There is no run “${id}”.`, 'Look at the list of experiments.');
}

/** An experiment with its runs as clients list it. */
export function toExperimentListItem(context: ContractContext, record: ExperimentRecord): ExperimentListItem {
  const runs = context.lab.runs.list({ experimentId: record.id });
  const first = runs[0];
  return {
    id: record.id,
    name: record.name,
    createdAt: record.createdAt,
    archivedAt: record.archivedAt,
    methodIds: [...new Set(runs.map((run) => run.document.method.id))],
    seeds: [...new Set(runs.map((run) => run.document.seed))],
    datasetId: first?.document.dataset.id ?? '',
    runs: runs.map((run) => toRunListItem(context, run)),
  };
}

/** Describes the queue, with the time that everything in it will take. */
export class QueueDescriber {
  readonly #lab: ContractContext['lab'];
  readonly #speeds: ContractContext['speeds'];
  /** Runs that wait: read once, because the queue is described at every change. */
  #waiting = new Map<string, RunRecord>();
  /** Of those that the opening of the lab found, the ones that rest since. */
  readonly #interrupted: Set<string>;

  constructor(lab: ContractContext['lab'], speeds: ContractContext['speeds']) {
    this.#lab = lab;
    this.#speeds = speeds;
    this.#interrupted = new Set(lab.interrupted.map(({ id }) => id));
  }

  describe(): QueueState {
    const { training, waiting, ...state } = this.#lab.runs.queueState();
    const { secondsLeft } = this.#schedule();
    return { ...state, running: training, queued: waiting, interrupted: this.#stillInterrupted(), secondsLeft };
  }

  #stillInterrupted(): string[] {
    if (this.#interrupted.size === 0) return [];
    const lost = new Set(this.#lab.runs.list({ states: ['lost'] }).map(({ id }) => id));
    // One that was resumed and is lost again has another story.
    for (const id of this.#interrupted) if (!lost.has(id)) this.#interrupted.delete(id);
    return [...this.#interrupted];
  }

  list(): QueueEntry[] {
    const { training, waiting, unstarted, settings } = this.#lab.runs.queueState();
    const priorities = this.#lab.runs.priorities();
    const { startsInSeconds } = this.#schedule();
    const names = new Map<string, string>();
    const toEntry = (run: RunRecord, secondsLeft: number | null, starts: number | null): QueueEntry => {
      const { id: runId, experimentId } = run;
      const experimentName = names.get(experimentId) ?? this.#lab.experiments.get(experimentId)?.name ?? '';
      names.set(experimentId, experimentName);
      const priority = priorities.get(runId) ?? 'normal';
      return { runId, experimentId, experimentName, priority, secondsLeft, startsInSeconds: starts };
    };
    const toIdleEntry = (run: RunRecord): QueueEntry => toEntry(run, this.#speeds.secondsLeft(run), null);
    return [
      ...training.map((id) => {
        const run = this.#lab.runs.get(id);
        return toEntry(run, run.progress?.secondsLeft ?? null, null);
      }),
      ...waiting.map((id, index) => {
        const run = this.#waitingRun(id);
        // Nobody knows when a pause ends.
        return toEntry(run, this.#speeds.secondsLeft(run), settings.paused ? null : (startsInSeconds[index] ?? null));
      }),
      ...unstarted.map((id) => toIdleEntry(this.#lab.runs.get(id))),
      ...this.#lab.runs.list({ states: ['paused'] }).map(toIdleEntry),
    ];
  }

  #waitingRun(id: string): RunRecord {
    return this.#waiting.get(id) ?? this.#lab.runs.get(id);
  }

  #schedule(): QueueSchedule {
    const { training, waiting, settings } = this.#lab.runs.queueState();
    this.#waiting = new Map(waiting.map((id) => [id, this.#waitingRun(id)]));
    return scheduleQueue(
      training.map((id) => this.#lab.runs.get(id).progress?.secondsLeft ?? null),
      [...this.#waiting.values()].map((run) => this.#speeds.secondsLeft(run)),
      settings.trainersAtOnce,
    );
  }
}
