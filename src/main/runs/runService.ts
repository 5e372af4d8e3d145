import { rm } from 'node:fs/promises';
import type { JudgedCheckpoint } from '#shared/domain/checkpoint.ts';
import {
  defaultQueueSettings,
  type QueueMove,
  type QueueSettings,
  type QueueWait,
  type RunPriority,
} from '#shared/domain/queue.ts';
import { queueSettingsSchema } from '#shared/contract.ts';
import { isActive, isResumable } from '#shared/domain/runState.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { describeWriteError } from '#files/fileErrors.ts';
import type { InstallProgress } from '../engines/engineService.ts';
import type { HealthMonitor } from '../health/healthMonitor.ts';
import type { LogRecord, RunFilter, RunRecord, Store } from '../store/store.ts';
import { listCheckpoints, runDirectory } from './checkpointFiles.ts';
import type { MemoryNeed } from './memoryAdmission.ts';
import { RunAdmission, type MachineProbe } from './runAdmission.ts';
import { QueueHalts } from './queueHalts.ts';
import { RunEvents, type RunObserver } from './runEvents.ts';
import { RunQueue } from './runQueue.ts';
import { RunSupervisor, type SupervisorContext } from './runSupervisor.ts';

export interface RunServiceOptions extends Pick<
  SupervisorContext,
  'datasets' | 'engines' | 'launcher' | 'labDirectory'
> {
  store: Pick<Store, 'runs' | 'metrics' | 'queue' | 'memory'>;
  /** Trainers at once where the lab's settings say nothing. */
  concurrency?: number;
  /** What the machine does besides; replaced in tests. */
  machine?: MachineProbe;
  flushIntervalMs?: number;
  stopTimeoutMs?: number;
  eventIntervalMs?: number;
  /** Held while runs train, and recorded with them. */
  health?: HealthMonitor;
}

const interruptionMessage = 'NormLab ended while this run trained.';
const interruptionsToldForMs = 14 * 24 * 3_600_000;

/** In the memory of the lab, beside what the interface keeps there. */
const queueSettingsKey = 'normlab/queue';

export interface QueueState {
  training: string[];
  /** In the order in which they start. */
  waiting: string[];
  /** Queued runs that nobody has started since the lab was opened, in the same order. */
  unstarted: string[];
  /** Why no further run is started; null where the queue goes on. */
  halted: LabErrorData | null;
  /** What the next run waits for although fewer train than may. */
  waitsFor: QueueWait | null;
  settings: QueueSettings;
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
  readonly #admission: RunAdmission;
  readonly #halts = new QueueHalts();
  #settings: QueueSettings;

  constructor(options: RunServiceOptions) {
    this.#options = options;
    this.#events = new RunEvents(options.eventIntervalMs);
    this.#admission = new RunAdmission(options.health, options.machine);
    const kept = queueSettingsSchema.safeParse(options.store.memory.get(queueSettingsKey));
    this.#settings = kept.success
      ? kept.data
      : {
          ...defaultQueueSettings,
          ...(options.concurrency === undefined ? {} : { trainersAtOnce: options.concurrency }),
        };
    this.#queue = new RunQueue({
      settings: () => this.#settings,
      queuedInOrder: () => options.store.queue.list().map((run) => run.id),
      findObstacle: (runId, training) => this.#findObstacle(runId, training),
      train: (runId) => this.#train(runId),
      onChange: () => {
        this.#watchMachine();
        this.#events.queueChanged();
        for (const check of this.#waiters) check();
      },
    });
  }

  /**
   * Marks runs that were training when the lab's last owner ended as lost.
   * @returns these, and those of earlier owners that nobody resumed in the last two weeks: another front door may have
   * been the first to find them.
   */
  recoverInterrupted(): RunRecord[] {
    const interrupted = this.#options.store.runs.list({ states: ['preparing', 'running', 'stopping'] });
    for (const run of interrupted) {
      this.#options.store.runs.transition(run.id, 'lost', {
        finishedAt: new Date().toISOString(),
        error: {
          code: 'trainerLost',
          message: interruptionMessage,
          hint: 'Resume the run to go on from its last checkpoint.',
        },
      });
    }
    const since = Date.now() - interruptionsToldForMs;
    return this.#options.store.runs
      .list({ states: ['lost'] })
      .filter(
        ({ error, finishedAt }) => error?.message === interruptionMessage && Date.parse(finishedAt ?? '') > since,
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
    const { training, halted, waitsFor } = this.#queue;
    const queued = this.#options.store.queue.list().map((run) => run.id);
    return {
      training,
      waiting: queued.filter((id) => this.#queue.has(id)),
      unstarted: queued.filter((id) => !this.#queue.has(id)),
      halted,
      waitsFor,
      settings: this.#settings,
    };
  }

  /** Priorities of the runs that are queued. */
  priorities(): ReadonlyMap<string, RunPriority> {
    return new Map(this.#options.store.queue.list().map((run) => [run.id, run.priority]));
  }

  /** Changes how the queue goes on, also after the lab is opened again. */
  setQueue(change: Partial<QueueSettings>): void {
    const settings = { ...this.#settings, ...change };
    this.#options.store.memory.set(queueSettingsKey, settings);
    this.#settings = settings;
    this.#queue.check();
  }

  /** Moves a waiting run among those of its priority. @throws LabError `invalidState` where it does not wait. */
  move(runId: string, to: QueueMove): void {
    this.#options.store.queue.move(runId, to);
    this.#queue.check();
  }

  /** @throws LabError `invalidState` where the run does not wait. */
  setPriority(runId: string, priority: RunPriority): void {
    this.#options.store.queue.setPriority(runId, priority);
    this.#queue.check();
  }

  /** From now on further runs start beside one that trains only where their memory fits. */
  estimateMemoryWith(estimate: (run: RunRecord) => MemoryNeed): void {
    this.#admission.estimateMemoryWith(estimate);
  }

  /** Begins queued runs, in the queue's order; all that are queued where none are named. */
  start(runIds?: readonly string[]): void {
    this.#halts.forgive();
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
    if (run.state !== 'queued' && run.state !== 'paused') {
      throw new LabError(
        'invalidState',
        `Run ${run.id} is ${run.state}: there is nothing to stop.`,
        'Only a queued, training or paused run can be stopped.',
      );
    }
    return this.#takeOut(run.id, 'stopped');
  }

  /**
   * Pauses a run until it is resumed: a waiting one at once, a training one after a checkpoint at the
   * next step; the queue goes on with the next.
   * @throws LabError `invalidState` where it is stopping or has ended.
   */
  pause(runId: string): RunRecord {
    const supervisor = this.#supervisors.get(runId);
    const run = supervisor?.record ?? this.get(runId);
    if (supervisor && run.state !== 'stopping') {
      supervisor.pause();
      return supervisor.record;
    }
    if (run.state !== 'queued') {
      throw new LabError(
        'invalidState',
        `Run ${run.id} is ${run.state} and cannot be paused.`,
        'Only a waiting or training run can be paused.',
      );
    }
    return this.#takeOut(run.id, 'paused');
  }

  #takeOut(runId: string, state: 'stopped' | 'paused'): RunRecord {
    const run = this.#options.store.runs.transition(runId, state, { finishedAt: new Date().toISOString() });
    this.#queue.remove(runId);
    return this.#changed(run);
  }

  /** `requeue`, and starts the queue. */
  resume(runId: string): RunRecord {
    const run = this.requeue(runId);
    this.start([run.id]);
    return run;
  }

  /**
   * Makes a run that is paused, stopped, failed or was lost wait again, to go on from its newest valid checkpoint.
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
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (runIds.some((id) => this.#queue.has(id))) return;
        this.#waiters.delete(check);
        this.#events.flush();
        try {
          resolve(runIds.map((id) => this.get(id)));
        } catch (error) {
          // One was deleted meanwhile.
          reject(error instanceof Error ? error : new Error(String(error)));
        }
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

  /**
   * Ends all trainers, with checkpoints where `graceful`: what trained then waits as what waited before, to be
   * started by whoever opens the lab.
   */
  async close(options: { graceful: boolean }): Promise<void> {
    this.#admission.endWatch();
    const closed = this.#queue.close();
    for (const supervisor of this.#supervisors.values()) {
      if (!options.graceful) supervisor.kill();
      else if (supervisor.record.state !== 'stopping') supervisor.suspend();
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
      if (written !== null && isActive(written.state)) this.#unwritten.set(runId, ended);
      return this.#halts.note(ended, supervisor.madeSteps);
    } catch (error) {
      this.#supervisors.delete(runId);
      return toLabErrorData(error);
    } finally {
      releaseHealth?.();
    }
  }

  #findObstacle(runId: string, training: readonly string[]): QueueWait | null {
    const beside = training.map((id) => ({
      record: this.get(id),
      showsItsMemory: this.#supervisors.get(id)?.showsItsMemory ?? false,
    }));
    return this.#admission.findObstacle(this.get(runId), beside, this.#settings);
  }

  /** Looks at the machine from time to time while runs wait for it. */
  #watchMachine(): void {
    const waitsForMachine = this.#settings.startWhenIdle || this.#queue.waitsFor?.reason === 'memory';
    this.#admission.watch(waitsForMachine && this.#queue.waiting.length > 0, () => this.#queue.check());
  }

  #current(run: RunRecord): RunRecord {
    return this.#supervisors.get(run.id)?.record ?? this.#unwritten.get(run.id) ?? run;
  }

  #changed(run: RunRecord): RunRecord {
    this.#events.runChanged(run);
    return run;
  }
}
