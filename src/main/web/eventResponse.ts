import type { IncomingMessage, ServerResponse } from 'node:http';
import { lastSequenceHeader, parseStreamPosition, type StreamLine } from '#shared/transport/eventMessage.ts';
import type { EventHub } from '../contract/eventHub.ts';
import { Refusal } from './refusal.ts';

export interface EventStreamLimits {
  /** Streams at once. */
  maximum: number;
  /** Of these, for browsers: they keep at most six connections to a host, and calls need one. */
  maximumOfBrowsers: number;
  heartbeatMs: number;
  /** A client that leaves more than this unread is cut off; it connects again where it was. */
  maximumUnreadBytes: number;
}

/** `GET /events`: newline-delimited JSON for as long as the client reads. */
export class EventResponses {
  readonly #events: EventHub;
  readonly #limits: EventStreamLimits;
  readonly #open = new Map<ServerResponse, { isBrowser: boolean }>();

  constructor(events: EventHub, limits: EventStreamLimits) {
    this.#events = events;
    this.#limits = limits;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Streams of clients that are no browsers: command lines. */
  get countOfPrograms(): number {
    return [...this.#open.values()].filter((stream) => !stream.isBrowser).length;
  }

  /** Answers a request that was let in. @throws Refusal 429 where too many streams are open. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const isBrowser = request.headers['sec-fetch-site'] !== undefined;
    const ofBrowsers = [...this.#open.values()].filter((stream) => stream.isBrowser).length;
    if (this.#open.size >= this.#limits.maximum || (isBrowser && ofBrowsers >= this.#limits.maximumOfBrowsers)) {
      throw new Refusal(429, 'This lab is open in too many windows.', 'Close one of them.', { 'retry-after': '5' });
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
    response.socket?.setNoDelay(true);
    const write = (line: StreamLine): void => {
      if (response.destroyed || response.writableEnded) return;
      response.write(`${JSON.stringify(line)}\n`);
      if (response.writableLength > this.#limits.maximumUnreadBytes) response.destroy();
    };
    const asked = parseStreamPosition(String(request.headers[lastSequenceHeader] ?? ''));
    const missed = asked === null ? null : this.#events.since(asked);
    write({ type: 'hello', ...(asked !== null && missed !== null ? asked : this.#events.position) });
    for (const message of missed ?? []) write({ type: 'event', ...message });
    const unsubscribe = this.#events.subscribe((message) => {
      write({ type: 'event', ...message });
    });
    const heartbeat = setInterval(() => {
      write({ type: 'heartbeat' });
    }, this.#limits.heartbeatMs);
    this.#open.set(response, { isBrowser });
    response.once('close', () => {
      clearInterval(heartbeat);
      unsubscribe();
      this.#open.delete(response);
    });
  }

  /** Ends all streams. */
  close(): void {
    for (const response of this.#open.keys()) response.destroy();
  }
}
