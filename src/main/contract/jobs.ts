import { randomUUID } from 'node:crypto';
import type { JobRecord } from '#shared/contract.ts';
import { LabError, toLabErrorData } from '#shared/errors.ts';

/** What a job's work reports. */
export interface JobProgress {
  phase: string;
  done: number;
  total: number | null;
  /** Where phases differ in it. */
  unit?: JobRecord['unit'];
  /** Estimated from the rate where it is absent. */
  secondsLeft?: number | null;
}

export interface JobTask {
  kind: JobRecord['kind'];
  title: string;
  unit: JobRecord['unit'];
  /** While a job with this key runs, starting another one returns that one. */
  key?: string;
  /** Does the work and returns the id of what it made. */
  run(context: { signal: AbortSignal; report: (progress: JobProgress) => void }): Promise<string | null>;
}

/** Adds up bytes as they come in pieces, for a job's report. */
export function reportBytes(
  report: (progress: JobProgress) => void,
  phase: string,
  total: number | null,
): (count: number) => void {
  let done = 0;
  return (count) => {
    done += count;
    report({ phase, done, total });
  };
}

interface Job {
  record: JobRecord;
  key: string | undefined;
  abort: AbortController;
  ended: Promise<void>;
}

const endedJobsKept = 50;

/** Work that takes longer than a call should: it goes on by itself, reports, and can be cancelled. */
export class JobRegistry {
  readonly #jobs = new Map<string, Job>();
  readonly #onChange: (record: JobRecord) => void;
  readonly #now: () => number;

  /**
   * @param onChange Gets the record after each change.
   * @param now Clock in milliseconds, for the time left.
   */
  constructor(onChange: (record: JobRecord) => void, now: () => number = () => performance.now()) {
    this.#onChange = onChange;
    this.#now = now;
  }

  /** Oldest first; the last that ended are kept. */
  list(): JobRecord[] {
    return [...this.#jobs.values()].map((job) => job.record);
  }

  start(task: JobTask): JobRecord {
    const same = [...this.#jobs.values()].find(
      (job) => task.key !== undefined && job.key === task.key && job.record.state === 'running',
    );
    if (same) return same.record;
    const record: JobRecord = {
      id: randomUUID(),
      kind: task.kind,
      title: task.title,
      state: 'running',
      phase: 'Starting',
      done: 0,
      total: null,
      unit: task.unit,
      secondsLeft: null,
      result: null,
      error: null,
    };
    const job: Job = { record, key: task.key, abort: new AbortController(), ended: Promise.resolve() };
    this.#jobs.set(record.id, job);
    this.#onChange(record);
    job.ended = this.#run(job, task);
    this.#forgetOld();
    return record;
  }

  /** Asks a job to end; what it did so far is undone by its work. @throws LabError `notFound`. */
  cancel(id: string): JobRecord {
    const job = this.#jobs.get(id);
    if (!job) throw new LabError('notFound', `There is no job “${id}”.`, 'Look at the list of jobs; it may be over.');
    if (job.record.state === 'running') {
      job.abort.abort();
      this.#change(job, { phase: 'Cancelling' });
    }
    return job.record;
  }

  /** Resolves with the record when the job is over. */
  async wait(id: string): Promise<JobRecord> {
    const job = this.#jobs.get(id);
    if (!job) throw new LabError('notFound', `There is no job “${id}”.`, 'Look at the list of jobs.');
    await job.ended;
    return job.record;
  }

  /** Cancels everything and waits until it is over. */
  async close(): Promise<void> {
    const jobs = [...this.#jobs.values()];
    for (const job of jobs) job.abort.abort();
    await Promise.all(jobs.map((job) => job.ended));
  }

  async #run(job: Job, task: JobTask): Promise<void> {
    let phase = '';
    let phaseStart = { at: 0, done: 0 };
    const report = (progress: JobProgress): void => {
      if (job.record.state !== 'running' || job.abort.signal.aborted) return;
      if (progress.phase !== phase) {
        phase = progress.phase;
        phaseStart = { at: this.#now(), done: progress.done };
      }
      const seconds = (this.#now() - phaseStart.at) / 1000;
      const rate = (progress.done - phaseStart.done) / seconds;
      const estimated =
        progress.total !== null && seconds > 0.5 && rate > 0 ? (progress.total - progress.done) / rate : null;
      const { done, total, unit = task.unit, secondsLeft = estimated } = progress;
      this.#change(job, { phase, done, total, unit, secondsLeft });
    };
    try {
      // The caller gets the record before anything can end.
      await Promise.resolve();
      job.abort.signal.throwIfAborted();
      const result = await task.run({ signal: job.abort.signal, report });
      this.#change(job, { state: 'done', phase: 'Done', secondsLeft: null, result });
    } catch (error) {
      if (job.abort.signal.aborted) this.#change(job, { state: 'cancelled', phase: 'Cancelled', secondsLeft: null });
      else this.#change(job, { state: 'failed', phase: 'Failed', secondsLeft: null, error: toLabErrorData(error) });
    }
  }

  #change(job: Job, change: Partial<JobRecord>): void {
    job.record = { ...job.record, ...change };
    this.#onChange(job.record);
  }

  #forgetOld(): void {
    const ended = [...this.#jobs.values()].filter((job) => job.record.state !== 'running');
    for (const job of ended.slice(0, Math.max(0, ended.length - endedJobsKept))) this.#jobs.delete(job.record.id);
  }
}
