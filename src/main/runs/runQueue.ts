import type { LabErrorData } from '#shared/errors.ts';

export interface RunQueueOptions {
  /** Trainers at once. */
  concurrency: number;
  /** Ids of the runs whose state is `queued`, in order of creation. */
  queuedInOrder: () => string[];
  /** Trains a run to its end; never rejects. What it returns halts the queue. */
  train: (runId: string) => Promise<LabErrorData | null>;
  onChange: () => void;
}

/**
 * Runs waiting for a trainer, oldest first. Only runs that were added are started: queued runs of
 * an earlier session wait until someone asks for them.
 */
export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #training = new Map<string, Promise<void>>();
  #halted: LabErrorData | null = null;
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

  has(runId: string): boolean {
    return this.#waiting.has(runId) || this.#training.has(runId);
  }

  /** Adds those of the runs that are queued, and ends a halt: whoever adds runs has seen why it halted. */
  add(runIds: Iterable<string>): void {
    const queued = new Set(this.#options.queuedInOrder());
    for (const id of runIds) if (queued.has(id) && !this.#training.has(id)) this.#waiting.add(id);
    this.#halted = null;
    this.#options.onChange();
    this.#startNext();
  }

  /** Takes out a run that does not train yet. */
  remove(runId: string): void {
    if (this.#waiting.delete(runId)) this.#options.onChange();
  }

  /** Takes out every run that does not train yet. */
  clear(): void {
    this.#waiting.clear();
    this.#options.onChange();
  }

  /** Starts nothing more and waits for the runs that train. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    await Promise.all(this.#training.values());
  }

  #startNext(): void {
    while (!this.#closed && this.#halted === null && this.#training.size < this.#options.concurrency) {
      const next = this.waiting[0];
      if (next === undefined) return;
      this.#waiting.delete(next);
      this.#training.set(next, this.#train(next));
    }
  }

  async #train(runId: string): Promise<void> {
    // The caller registers this promise before anything can end.
    await Promise.resolve();
    const halt = await this.#options.train(runId);
    this.#training.delete(runId);
    if (halt !== null) {
      this.#halted = halt;
      this.#waiting.clear();
    }
    this.#startNext();
    this.#options.onChange();
  }
}
