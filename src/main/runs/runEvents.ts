import type { LogRecord, RunRecord } from '../store/store.ts';

/** What happened since the last batch. The latest record of a run only; points are read from the store. */
export interface RunEventBatch {
  /** Rises by one a batch, so that an observer can tell that it missed one. */
  sequence: number;
  changed: RunRecord[];
  removed: string[];
  /** Runs with new points, or whose points were cut back to an older checkpoint. */
  metricsAppended: string[];
  logs: { runId: string; record: LogRecord }[];
  /** True where the queue took up, lost or finished a run, or halted. */
  queueChanged: boolean;
}

export type RunObserver = (batch: RunEventBatch) => void;

/** Collects events and hands them to observers at most about `1000 / intervalMs` times a second. */
export class RunEvents {
  readonly #intervalMs: number;
  readonly #observers = new Set<RunObserver>();
  readonly #changed = new Map<string, RunRecord>();
  readonly #removed = new Set<string>();
  readonly #metricsAppended = new Set<string>();
  #logs: RunEventBatch['logs'] = [];
  #queueChanged = false;
  #sequence = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs = 100) {
    this.#intervalMs = intervalMs;
  }

  /** Returns the function that ends the observation. */
  observe(observer: RunObserver): () => void {
    this.#observers.add(observer);
    return () => {
      this.#observers.delete(observer);
    };
  }

  runChanged(run: RunRecord): void {
    this.#changed.set(run.id, run);
    this.#schedule();
  }

  runRemoved(runId: string): void {
    this.#changed.delete(runId);
    this.#removed.add(runId);
    this.#schedule();
  }

  metricsAppended(runId: string): void {
    this.#metricsAppended.add(runId);
    this.#schedule();
  }

  logged(runId: string, record: LogRecord): void {
    this.#logs.push({ runId, record });
    this.#schedule();
  }

  queueChanged(): void {
    this.#queueChanged = true;
    this.#schedule();
  }

  /** Hands out what is collected without waiting. */
  flush(): void {
    clearTimeout(this.#timer);
    if (this.#timer === undefined) return;
    this.#timer = undefined;
    const batch: RunEventBatch = {
      sequence: ++this.#sequence,
      changed: [...this.#changed.values()],
      removed: [...this.#removed],
      metricsAppended: [...this.#metricsAppended],
      logs: this.#logs,
      queueChanged: this.#queueChanged,
    };
    this.#changed.clear();
    this.#removed.clear();
    this.#metricsAppended.clear();
    this.#logs = [];
    this.#queueChanged = false;
    for (const observer of this.#observers) {
      try {
        observer(batch);
      } catch {
        // An observer that cannot read the database now hears of the next batch; training goes on.
      }
    }
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, this.#intervalMs);
  }
}
