import { rm } from 'node:fs/promises';
import type { JudgedCheckpoint } from '#shared/domain/checkpoint.ts';
import { isActive, isEnded, isResumable } from '#shared/domain/runState.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { describeWriteError } from '#files/fileErrors.ts';
import type { InstallProgress } from '../engines/engineService.ts';
import type { HealthMonitor } from '../health/healthMonitor.ts';
import type { LogRecord, RunFilter, RunRecord } from '../store/store.ts';
import { listCheckpoints, runDirectory } from './checkpointFiles.ts';
import { RunEvents, type RunObserver } from './runEvents.ts';
import { RunQueue } from './runQueue.ts';
import { RunSupervisor, type SupervisorContext } from './runSupervisor.ts';

export interface RunServiceOptions extends Pick<
  SupervisorContext,
  'store' | 'datasets' | 'engines' | 'launcher' | 'labDirectory'
> {
  /** Trainers at once. */
  concurrency?: number;
  flushIntervalMs?: number;
  stopTimeoutMs?: number;
  eventIntervalMs?: number;
  /** Held while runs train, and recorded with them. */
  health?: HealthMonitor;
}

export interface QueueState {
  training: string[];
  waiting: string[];
  /** Why no further run is started; null where the queue goes on. */
  halted: LabErrorData | null;
}

export type InstallObserver = (runId: string, progress: InstallProgress) => void;

/** The runs of one lab: their records, the queue, and the trainers that work on them. */
export class RunService {
  readonly #options: RunServiceOptions;
  readonly #events: RunEvents;
  readonly #queue: RunQueue;
  readonly #supervisors = new Map<string, RunSupervisor>();
  /** Ends that the store could not write: the run is over, whatever its record says. */
  readonly #unwritten = new Map<string, RunRecord>();
  readonly #waiters = new Set<() => void>();
  readonly #installObservers = new Set<InstallObserver>();

  constructor(options: RunServiceOptions) {
    this.#options = options;
    this.#events = new RunEvents(options.eventIntervalMs);
    this.#queue = new RunQueue({
      concurrency: options.concurrency ?? 1,
      queuedInOrder: () => options.store.runs.list({ states: ['queued'] }).map((run) => run.id),
      train: (runId) => this.#train(runId),
      onChange: () => {
        this.#events.queueChanged();
        for (const check of this.#waiters) check();
      },
    });
  }

  /** Marks runs that were training when the lab's last owner ended as lost; returns them. */
  recoverInterrupted(): RunRecord[] {
    const interrupted = this.#options.store.runs.list({ states: ['preparing', 'running', 'stopping'] });
    return interrupted.map((run) =>
      this.#options.store.runs.transition(run.id, 'lost', {
        finishedAt: new Date().toISOString(),
        error: {
          code: 'trainerLost',
          message: 'NormLab ended while this run trained.',
          hint: 'Resume the run to go on from its last checkpoint.',
        },
      }),
    );
  }

  list(filter?: RunFilter): RunRecord[] {
    return this.#options.store.runs.list(filter).map((run) => this.#current(run));
  }

  /** @throws LabError `notFound`, also where the text begins several ids. */
  get(idOrPrefix: string): RunRecord {
    return this.#current(this.#options.store.runs.resolve(idOrPrefix));
  }

  log(runId: string): LogRecord[] {
    return this.#options.store.runs.listLog(runId);
  }

  /** Newest first, those whose files are there. */
  checkpoints(runId: string): JudgedCheckpoint[] {
    return listCheckpoints(this.#options.store, this.#options.labDirectory, this.get(runId));
  }

  /** Id of the trainer process that works on a run. */
  trainerPid(runId: string): number | undefined {
    return this.#supervisors.get(runId)?.pid;
  }

  queueState(): QueueState {
    return { training: this.#queue.training, waiting: this.#queue.waiting, halted: this.#queue.halted };
  }

  /** Begins queued runs, in order of creation; all that are queued where none are named. */
  start(runIds?: readonly string[]): void {
    this.#queue.add(runIds ?? this.list({ states: ['queued'] }).map((run) => run.id));
  }

  /**
   * Stops a run: a waiting one at once, a training one after a checkpoint, and at once where it
   * is stopping already.
   * @throws LabError `invalidState` where it has ended.
   */
  stop(runId: string): RunRecord {
    const supervisor = this.#supervisors.get(runId);
    if (supervisor) {
      supervisor.stop();
      return supervisor.record;
    }
    const run = this.get(runId);
    if (run.state !== 'queued') {
      throw new LabError(
        'invalidState',
        `Run ${run.id} is ${run.state}: there is nothing to stop.`,
        'Only a queued or training run can be stopped.',
      );
    }
    this.#queue.remove(run.id);
    return this.#changed(
      this.#options.store.runs.transition(run.id, 'stopped', { finishedAt: new Date().toISOString() }),
    );
  }

  /** `requeue`, and starts the queue. */
  resume(runId: string): RunRecord {
    const run = this.requeue(runId);
    this.#queue.add([run.id]);
    return run;
  }

  /**
   * Makes a run that stopped, failed or was lost wait again, to go on from its newest valid checkpoint.
   * @throws LabError `invalidState` where it trains, is done or diverged.
   */
  requeue(runId: string): RunRecord {
    const run = this.get(runId);
    if (run.state !== 'queued' && !isResumable(run.state)) {
      throw new LabError(
        'invalidState',
        `Run ${run.id} is ${run.state} and cannot be resumed.`,
        isActive(run.state)
          ? 'It is training already.'
          : 'It came to its end; create a new experiment to train it again.',
      );
    }
    if (run.state === 'queued') return run;
    return this.#changed(
      this.#options.store.runs.transition(run.id, 'queued', {
        error: null,
        summary: null,
        finishedAt: null,
        resumeCount: run.resumeCount + 1,
      }),
    );
  }

  /** Deletes a run with everything it made. @throws LabError `invalidState` while it trains. */
  async remove(runId: string): Promise<void> {
    const run = this.get(runId);
    if (this.#supervisors.has(run.id)) {
      throw new LabError('invalidState', `Run ${run.id} is training.`, 'Stop it first.');
    }
    this.#queue.remove(run.id);
    this.#options.store.runs.remove(run.id);
    this.#unwritten.delete(run.id);
    this.#events.runRemoved(run.id);
    const directory = runDirectory(this.#options.labDirectory, run.id);
    await rm(directory, { recursive: true, force: true }).catch((error: unknown) => {
      throw describeWriteError(error, directory);
    });
  }

  /** Resolves when every one of these runs has ended, or waits in a queue that has halted or closed. */
  whenEnded(runIds: readonly string[]): Promise<RunRecord[]> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (runIds.some((id) => this.#queue.has(id))) return;
        this.#waiters.delete(check);
        this.#events.flush();
        resolve(runIds.map((id) => this.get(id)));
      };
      this.#waiters.add(check);
      check();
    });
  }

  /** Starts nothing more and stops what trains, with checkpoints; waiting runs stay queued. */
  interrupt(): void {
    this.#queue.clear();
    for (const supervisor of this.#supervisors.values()) {
      if (supervisor.record.state !== 'stopping') supervisor.stop();
    }
  }

  observe(observer: RunObserver): () => void {
    return this.#events.observe(observer);
  }

  /** Progress of an engine's download before a run's training. */
  observeInstall(observer: InstallObserver): () => void {
    this.#installObservers.add(observer);
    return () => {
      this.#installObservers.delete(observer);
    };
  }

  /** Ends all trainers, with checkpoints where `graceful`; waiting runs stay queued. */
  async close(options: { graceful: boolean }): Promise<void> {
    const closed = this.#queue.close();
    for (const supervisor of this.#supervisors.values()) {
      if (!options.graceful) supervisor.kill();
      else if (supervisor.record.state !== 'stopping') supervisor.stop();
    }
    await closed;
    for (const [id, run] of this.#unwritten) {
      try {
        this.#options.store.runs.transition(id, run.state, { error: run.error, finishedAt: run.finishedAt });
      } catch {
        // Still no room: the next opening finds the run as active and marks it lost.
      }
    }
    this.#events.flush();
  }

  async #train(runId: string): Promise<LabErrorData | null> {
    const releaseHealth = this.#options.health?.hold();
    try {
      const supervisor = new RunSupervisor(
        {
          ...this.#options,
          events: this.#events,
          flushIntervalMs: this.#options.flushIntervalMs ?? 1000,
          stopTimeoutMs: this.#options.stopTimeoutMs ?? 120_000,
          onInstallProgress: (id, progress) => {
            for (const observer of this.#installObservers) observer(id, progress);
          },
        },
        runId,
      );
      this.#supervisors.set(runId, supervisor);
      const ended = await supervisor.finished;
      this.#supervisors.delete(runId);
      const written = this.#options.store.runs.get(runId);
      if (written !== null && !isEnded(written.state)) this.#unwritten.set(runId, ended);
      // The next run would meet the same full disk.
      return ended.error?.code === 'diskFull' ? ended.error : null;
    } catch (error) {
      this.#supervisors.delete(runId);
      return toLabErrorData(error);
    } finally {
      releaseHealth?.();
    }
  }

  #current(run: RunRecord): RunRecord {
    return this.#supervisors.get(run.id)?.record ?? this.#unwritten.get(run.id) ?? run;
  }

  #changed(run: RunRecord): RunRecord {
    this.#events.runChanged(run);
    return run;
  }
}
