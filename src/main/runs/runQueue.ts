import type { QueueSettings, QueueWait } from '#shared/domain/queue.ts';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';

export interface RunQueueOptions {
  settings: () => Pick<QueueSettings, 'paused' | 'trainersAtOnce'>;
  /** Ids of the runs whose state is `queued`, in the order in which they start. */
  queuedInOrder: () => string[];
  /** Why a run cannot be started now beside those that train; null where it can. */
  findObstacle: (runId: string, training: readonly string[]) => QueueWait | null;
  /** Trains a run to its end; never rejects. What it returns halts the queue. */
  train: (runId: string) => Promise<LabErrorData | null>;
  onChange: () => void;
}

/**
 * Runs waiting for a trainer. Only runs that were added are started: queued runs of an earlier
 * session wait until someone asks for them. Where the first cannot start, those behind it wait too.
 */
export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #training = new Map<string, Promise<void>>();
  #halted: LabErrorData | null = null;
  #waitsFor: QueueWait | null = null;
  #closed = false;

  constructor(options: RunQueueOptions) {
    this.#options = options;
  }

  get waiting(): string[] {
    return this.#options.queuedInOrder().filter((id) => this.#waiting.has(id));
  }

  get training(): string[] {
    return [...this.#training.keys()];
  }

  /** Why no further run is started; null where the queue goes on. */
  get halted(): LabErrorData | null {
    return this.#halted;
  }

  /** What the next run waits for although fewer train than may; null where nothing holds it back. */
  get waitsFor(): QueueWait | null {
    return this.#waitsFor;
  }

  has(runId: string): boolean {
    return this.#waiting.has(runId) || this.#training.has(runId);
  }

  /** Adds those of the runs that are queued, and ends a halt: whoever adds runs has seen why it halted. */
  add(runIds: Iterable<string>): void {
    const queued = new Set(this.#options.queuedInOrder());
    for (const id of runIds) if (queued.has(id) && !this.#training.has(id)) this.#waiting.add(id);
    this.#halted = null;
    this.#startNext();
    this.#options.onChange();
  }

  /** Takes out a run that does not train yet. */
  remove(runId: string): void {
    if (!this.#waiting.delete(runId)) return;
    this.#startNext();
    this.#options.onChange();
  }

  /** Takes out every run that does not train yet. */
  clear(): void {
    this.#waiting.clear();
    this.#waitsFor = null;
    this.#options.onChange();
  }

  /** Looks again whether runs can start, after settings, order or the machine's state changed. */
  check(): void {
    this.#startNext();
    this.#options.onChange();
  }

  /** Starts nothing more and waits for the runs that train. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    await Promise.all(this.#training.values());
  }

  #startNext(): void {
    this.#waitsFor = null;
    const { paused, trainersAtOnce } = this.#options.settings();
    while (!this.#closed && this.#halted === null && this.#training.size < trainersAtOnce) {
      const next = this.waiting[0];
      if (next === undefined) return;
      this.#waitsFor = paused
        ? { reason: 'paused', message: 'The queue is paused.' }
        : this.#options.findObstacle(next, this.training);
      if (this.#waitsFor !== null) return;
      this.#waiting.delete(next);
      this.#training.set(next, this.#train(next));
    }
  }

  async #train(runId: string): Promise<void> {
    // The caller registers this promise before anything can end.
    await Promise.resolve();
    const halt = await this.#options.train(runId);
    this.#training.delete(runId);
    if (halt !== null) this.#halt(halt);
    try {
      this.#startNext();
      this.#options.onChange();
    } catch (error) {
      // Nobody waits for this: where the database cannot be read, the queue says so instead of ending the process.
      this.#halt(toLabErrorData(error));
    }
  }

  #halt(error: LabErrorData): void {
    this.#halted = error;
    this.#waiting.clear();
  }
}
