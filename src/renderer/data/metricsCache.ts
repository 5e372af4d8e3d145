import type { LabClient } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import { SeriesBuffer } from './seriesBuffer.ts';

export interface SeriesKey {
  runId: string;
  series: string;
}

export interface MetricsCacheOptions {
  /** Most entries a series; the lab joins points into buckets where there are more. */
  maximumBuckets: number;
  /** Least time between two questions, so that a fast run does not flood the interface. */
  minimumIntervalMs?: number;
  /** Time until a failed question is asked again. */
  retryMs?: number;
}

/** Small answers keep reading them short on the interface's thread. */
const seriesPerQuestion = 24;
/** Series that nobody shows any more are kept up to this many, for the way back. */
const keptSeries = 600;

/** Text that stands for a series among those of all runs. */
export const seriesKeyText = (key: SeriesKey): string => `${key.runId}\n${key.series}`;

/**
 * Curves that are on screen, in step with the lab's store. Whoever shows series names them with
 * `want`; after each event the cache asks for what came after what it holds. Because each question
 * names what is held, no lost event, reload or broken connection can double or drop a point.
 */
export class MetricsCache {
  readonly #client: LabClient;
  readonly #minimumIntervalMs: number;
  readonly #retryMs: number;
  #maximumBuckets: number;
  readonly #buffers = new Map<string, SeriesBuffer>();
  readonly #wanted = new Map<object, SeriesKey[]>();
  /** What is to be asked for, in the order in which it was found out. */
  readonly #stale = new Map<string, SeriesKey>();
  readonly #listeners = new Set<(changed: ReadonlySet<string>) => void>();
  readonly #endSubscriptions: (() => void)[];
  #asking = false;
  #lastAskedAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #closed = false;

  constructor(client: LabClient, options: MetricsCacheOptions) {
    this.#client = client;
    this.#maximumBuckets = options.maximumBuckets;
    this.#minimumIntervalMs = options.minimumIntervalMs ?? 200;
    this.#retryMs = options.retryMs ?? 2000;
    this.#endSubscriptions = [
      client.subscribe('metricsAppended', ({ runIds }) => this.#markRuns(new Set(runIds))),
      client.subscribe('runsChanged', ({ runs }) => {
        const revised = runs.filter((run) => this.#holdsOtherRevision(run.id, run.metricsRevision));
        if (revised.length > 0) this.#markRuns(new Set(revised.map((run) => run.id)));
      }),
      client.subscribe('resync', () => this.refresh()),
      client.onConnection((connected) => {
        if (connected) this.refresh();
      }),
    ];
  }

  /** Names everything that one owner shows; an empty list when it goes. */
  want(owner: object, keys: readonly SeriesKey[]): void {
    // Events were not followed for what nobody showed.
    const followed = new Set([...this.#wanted.values()].flat().map(seriesKeyText));
    if (keys.length === 0) this.#wanted.delete(owner);
    else this.#wanted.set(owner, [...keys]);
    for (const key of keys) {
      if (!followed.has(seriesKeyText(key))) this.#stale.set(seriesKeyText(key), key);
    }
    this.#forgetUnwanted();
    this.#schedule(0);
  }

  /** What is held of a series; null before its first answer. */
  get(runId: string, series: string): SeriesBuffer | null {
    return this.#buffers.get(seriesKeyText({ runId, series })) ?? null;
  }

  /** Calls with the keys (`runId\nseries`) of all that changed. Returns the function that ends it. */
  onChange(listener: (changed: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks for finer or coarser curves from now on. */
  setMaximumBuckets(maximumBuckets: number): void {
    if (maximumBuckets === this.#maximumBuckets) return;
    this.#maximumBuckets = maximumBuckets;
    this.refresh();
  }

  /** Asks again for whatever came after what is held. */
  refresh(): void {
    for (const keys of this.#wanted.values()) for (const key of keys) this.#stale.set(seriesKeyText(key), key);
    this.#schedule(0);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const end of this.#endSubscriptions) end();
    this.#listeners.clear();
  }

  #holdsOtherRevision(runId: string, metricsRevision: number): boolean {
    for (const keys of this.#wanted.values()) {
      for (const key of keys) {
        const buffer = key.runId === runId ? this.#buffers.get(seriesKeyText(key)) : undefined;
        if (buffer !== undefined && buffer.metricsRevision !== metricsRevision) return true;
      }
    }
    return false;
  }

  #markRuns(runIds: ReadonlySet<string>): void {
    for (const keys of this.#wanted.values()) {
      for (const key of keys) if (runIds.has(key.runId)) this.#stale.set(seriesKeyText(key), key);
    }
    this.#schedule(0);
  }

  #forgetUnwanted(): void {
    if (this.#buffers.size <= keptSeries) return;
    const wanted = new Set([...this.#wanted.values()].flat().map(seriesKeyText));
    for (const text of this.#buffers.keys()) {
      if (this.#buffers.size <= keptSeries) return;
      if (!wanted.has(text)) this.#buffers.delete(text);
    }
  }

  #schedule(afterMs: number): void {
    if (this.#closed || this.#asking || this.#timer !== null || this.#stale.size === 0) return;
    const wait = Math.max(afterMs, this.#lastAskedAt + this.#minimumIntervalMs - performance.now(), 0);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#ask();
    }, wait);
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    this.#lastAskedAt = performance.now();
    let retryMs = 0;
    const changed = new Set<string>();
    const keys = [...this.#stale.values()];
    this.#stale.clear();
    for (let start = 0; start < keys.length && !this.#closed; start += seriesPerQuestion) {
      const part = keys.slice(start, start + seriesPerQuestion);
      try {
        await this.#askForExisting(part, changed);
      } catch {
        // The connection's own notice tells; what was not answered stays to be asked for.
        for (const key of keys.slice(start)) this.#stale.set(seriesKeyText(key), key);
        retryMs = this.#retryMs;
        break;
      }
    }
    this.#asking = false;
    if (this.#closed) return;
    if (changed.size > 0) for (const listener of this.#listeners) listener(changed);
    this.#schedule(retryMs);
  }

  /** Leaves out runs that are gone, so that they do not hold up the others. */
  async #askForExisting(keys: readonly SeriesKey[], changed: Set<string>): Promise<void> {
    try {
      await this.#askFor(keys, changed);
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'notFound') throw error;
      const byRun = Map.groupBy(keys, (key) => key.runId);
      if (byRun.size > 1) for (const part of byRun.values()) await this.#askForExisting(part, changed);
    }
  }

  async #askFor(keys: readonly SeriesKey[], changed: Set<string>): Promise<void> {
    const requests = keys.map((key) => {
      const buffer = this.#buffers.get(seriesKeyText(key));
      return {
        ...key,
        afterStep: buffer?.completeThrough ?? -1,
        metricsRevision: buffer?.metricsRevision ?? 0,
        pointsPerBucket: buffer?.pointsPerBucket ?? 1,
      };
    });
    const slices = await this.#client.invoke('metrics.read', { requests, maximumBuckets: this.#maximumBuckets });
    const afterSteps = new Map(requests.map((request) => [seriesKeyText(request), request.afterStep]));
    for (const slice of slices) {
      const text = seriesKeyText(slice);
      const afterStep = afterSteps.get(text);
      if (afterStep === undefined) continue;
      const buffer = this.#buffers.get(text) ?? new SeriesBuffer();
      const isNew = !this.#buffers.has(text);
      this.#buffers.set(text, buffer);
      if (buffer.apply(slice, afterStep) || isNew) changed.add(text);
    }
  }
}
