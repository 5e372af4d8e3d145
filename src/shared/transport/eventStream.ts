import {
  formatStreamPosition,
  lastSequenceHeader,
  type EventMessage,
  type StreamLine,
  type StreamPosition,
} from './eventMessage.ts';
import { createAbortController, readLines, startTimer, type HttpFetch, type Timer } from './platform.ts';

export interface EventStreamOptions {
  fetch: HttpFetch;
  url: string;
  headers: Record<string, string>;
  onEvent: (message: EventMessage) => void;
  onConnection: (connected: boolean) => void;
  /** Waits before the first, second, … attempt after a connection was lost; the last one repeats. */
  reconnectDelaysMs?: readonly number[];
  /** The lab sends something at least every 15 seconds; after this silence the connection is taken as dead. */
  silenceMs?: number;
}

const defaultDelaysMs = [100, 250, 500, 1000, 2000, 5000] as const;

/**
 * The one stream of events from a lab: connects, and connects again for as long as it is open, going
 * on after the last event received. Every event is delivered once and in order; where that cannot be
 * (the lab was started anew, or too many events were missed) the lab's `resync` is.
 */
export class EventStream {
  /** Resolves when the first attempt to connect has succeeded or failed. */
  readonly firstAttempt: Promise<void>;
  readonly #options: EventStreamOptions;
  #firstAttemptDone: () => void = () => undefined;
  #position: StreamPosition | null = null;
  #connected = false;
  #failures = 0;
  #closed = false;
  #abort = createAbortController();
  #endWait: () => void = () => undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.firstAttempt = new Promise((resolve) => {
      this.#firstAttemptDone = resolve;
    });
    void this.#run();
  }

  get connected(): boolean {
    return this.#connected;
  }

  close(): void {
    this.#closed = true;
    this.#abort.abort();
    this.#endWait();
    this.#setConnected(false);
  }

  /** Tries again at once where it waits before the next attempt. */
  wake(): void {
    this.#endWait();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      // However it ended, the answer is to connect again.
      await this.#connectOnce().catch(() => undefined);
      this.#firstAttemptDone();
      this.#setConnected(false);
      if (this.#isClosed()) return;
      const delays = this.#options.reconnectDelaysMs ?? defaultDelaysMs;
      await this.#wait(delays[Math.min(this.#failures++, delays.length - 1)] ?? 1000);
    }
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = startTimer(milliseconds, resolve);
      this.#endWait = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async #connectOnce(): Promise<void> {
    const abort = createAbortController();
    this.#abort = abort;
    let silence: Timer | null = null;
    const listenForSilence = (): void => {
      silence?.cancel();
      silence = startTimer(this.#options.silenceMs ?? 45_000, () => abort.abort());
    };
    listenForSilence();
    try {
      const headers = { ...this.#options.headers };
      if (this.#position) headers[lastSequenceHeader] = formatStreamPosition(this.#position);
      const response = await this.#options.fetch(this.#options.url, { method: 'GET', headers, signal: abort.signal });
      const reader = response.body?.getReader();
      if (!reader) return;
      try {
        if (!response.ok) return;
        for await (const line of readLines(reader, listenForSilence)) {
          if (abort.signal.aborted) return;
          this.#receive(JSON.parse(line) as StreamLine);
        }
      } finally {
        await reader.cancel().catch(() => undefined);
      }
    } finally {
      (silence as Timer | null)?.cancel();
    }
  }

  #receive(line: StreamLine): void {
    switch (line.type) {
      case 'hello':
        this.#begin({ stream: line.stream, sequence: line.sequence });
        return;
      case 'event':
        if (this.#position === null || line.sequence <= this.#position.sequence) return;
        this.#position = { ...this.#position, sequence: line.sequence };
        this.#options.onEvent(line);
        return;
      case 'heartbeat':
    }
  }

  #begin(start: StreamPosition): void {
    const left = this.#position;
    this.#position = start;
    this.#failures = 0;
    this.#setConnected(true);
    this.#firstAttemptDone();
    if (left === null || (left.stream === start.stream && left.sequence === start.sequence)) return;
    this.#options.onEvent({ sequence: start.sequence, name: 'resync', payload: {} });
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#options.onConnection(connected);
  }
}
