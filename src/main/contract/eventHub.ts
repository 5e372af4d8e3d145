import { randomUUID } from 'node:crypto';
import type { EventName, LabEvents } from '#shared/contract.ts';
import type { EventMessage, StreamPosition } from '#shared/transport/eventMessage.ts';

export interface EventHubOptions {
  /** Least time between two deliveries. */
  intervalMs?: number;
  /** Events kept for clients that come back. */
  historyLength?: number;
}

/** What is pending and what came after it, as one event that says both. */
const mergers: { readonly [Name in EventName]: (pending: LabEvents[Name], next: LabEvents[Name]) => LabEvents[Name] } =
  {
    experimentsChanged: (pending, next) => ({ ids: union(pending.ids, next.ids) }),
    runsChanged: (pending, next) => ({ runs: latestById(pending.runs, next.runs) }),
    metricsAppended: (pending, next) => ({ runIds: union(pending.runIds, next.runIds) }),
    runsLogged: (pending, next) => ({ logs: [...pending.logs, ...next.logs] }),
    engineProgress: (_, next) => next,
    healthChanged: (_, next) => next,
    datasetsChanged: (_, next) => next,
    enginesChanged: (_, next) => next,
    jobsChanged: (pending, next) => ({ jobs: latestById(pending.jobs, next.jobs) }),
    queueChanged: (_, next) => next,
    resync: (_, next) => next,
  };

function union(left: readonly string[], right: readonly string[]): string[] {
  return [...new Set([...left, ...right])];
}

function latestById<Item extends { id: string }>(left: readonly Item[], right: readonly Item[]): Item[] {
  return [...new Map([...left, ...right].map((item) => [item.id, item])).values()];
}

/**
 * Events from the services to every client. Events of one name are merged while they wait, so that
 * however fast they come, clients get at most about `1000 / intervalMs` batches a second; the first
 * after a pause goes out at once. Every event has a sequence number, and the last ones are kept, so
 * that a client that lost its connection can go on where it was.
 */
export class EventHub {
  /** Another one in each process: sequence numbers of an earlier one mean nothing here. */
  readonly stream = randomUUID();
  readonly #intervalMs: number;
  readonly #historyLength: number;
  readonly #listeners = new Set<(message: EventMessage) => void>();
  readonly #pending = new Map<EventName, unknown>();
  #history: EventMessage[] = [];
  #sequence = 0;
  #deliveredAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor({ intervalMs = 100, historyLength = 1000 }: EventHubOptions = {}) {
    this.#intervalMs = intervalMs;
    this.#historyLength = historyLength;
  }

  get position(): StreamPosition {
    return { stream: this.stream, sequence: this.#sequence };
  }

  emit<Name extends EventName>(name: Name, payload: LabEvents[Name]): void {
    const pending = this.#pending.get(name) as LabEvents[Name] | undefined;
    this.#pending.set(name, pending === undefined ? payload : mergers[name](pending, payload));
    if (this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#deliveredAt + this.#intervalMs - Date.now());
    this.#timer = setTimeout(() => {
      this.flush();
    }, waitMs);
  }

  /** Delivers what waits, without waiting longer. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    this.#deliveredAt = Date.now();
    const messages = [...this.#pending].map(
      ([name, payload]) => ({ sequence: ++this.#sequence, name, payload }) as EventMessage,
    );
    this.#pending.clear();
    this.#history = [...this.#history, ...messages].slice(-this.#historyLength);
    for (const message of messages) for (const listener of [...this.#listeners]) listener(message);
  }

  /** Gets every event from now on; returns the function that ends it. */
  subscribe(listener: (message: EventMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The events after a position; null where they are not known any more. */
  since({ stream, sequence }: StreamPosition): EventMessage[] | null {
    if (stream !== this.stream || sequence > this.#sequence) return null;
    const missed = this.#sequence - sequence;
    return missed > this.#history.length ? null : this.#history.slice(this.#history.length - missed);
  }

  /** Delivers what waits and forgets the listeners. */
  close(): void {
    this.flush();
    this.#listeners.clear();
  }
}
