import { describe, expect, it } from 'vitest';
import { createHttpClient } from '#shared/transport/httpClient.ts';
import type { HttpRequest, HttpResponse } from '#shared/transport/platform.ts';
import type { StreamLine } from '#shared/transport/eventMessage.ts';

/** One connection to the fake host: its request, and what is sent to the client. */
class Connection {
  readonly request: HttpRequest;
  readonly response: Promise<HttpResponse>;
  #send: (bytes: Uint8Array) => void = () => undefined;
  cut: () => void = () => undefined;

  constructor(request: HttpRequest, status = 200) {
    this.request = request;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#send = (bytes) => controller.enqueue(bytes);
        this.cut = () => controller.error(new Error('cut'));
      },
    });
    this.response = Promise.resolve(new Response(stream, { status }));
  }

  send(bytes: Uint8Array): void {
    this.#send(bytes);
  }

  write(text: string): void {
    this.send(new TextEncoder().encode(text));
  }

  line(line: StreamLine): void {
    this.write(`${JSON.stringify(line)}\n`);
  }
}

/** A host whose connections the test holds in its hands. */
function fakeHost() {
  const waiting: ((connection: Connection) => void)[] = [];
  const arrived: Connection[] = [];
  const client = createHttpClient({
    address: 'http://lab',
    token: 'secret',
    reconnectDelaysMs: [0],
    fetch: (_url, request) => {
      const connection = new Connection(request);
      const taker = waiting.shift();
      if (taker) taker(connection);
      else arrived.push(connection);
      return connection.response;
    },
  });
  const next = (): Promise<Connection> => {
    const connection = arrived.shift();
    return connection ? Promise.resolve(connection) : new Promise((resolve) => waiting.push(resolve));
  };
  return { client, next };
}

const datasets = (sequence: number, id = sequence): StreamLine => ({
  type: 'event',
  sequence,
  name: 'experimentsChanged',
  payload: { ids: [String(id)] },
});

/** Collects events of one name and lets a test wait for the n-th. */
function collect() {
  const received: string[] = [];
  let wake: () => void = () => undefined;
  return {
    received,
    listener: ({ ids }: { ids: string[] }) => {
      received.push(...ids);
      wake();
    },
    async length(count: number): Promise<string[]> {
      while (received.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return received;
    },
  };
}

describe('event stream of the HTTP client', () => {
  it('delivers events whose bytes come in any pieces, in characters of several bytes too', async () => {
    const { client, next } = fakeHost();
    const events = collect();
    client.subscribe('experimentsChanged', events.listener);
    const connection = await next();
    const text = [
      { type: 'hello', stream: 's', sequence: 0 },
      { type: 'heartbeat' },
      { ...datasets(1), payload: { ids: ['γ² – ½'] } },
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('');
    for (const byte of new TextEncoder().encode(text)) connection.send(Uint8Array.of(byte));
    expect(await events.length(1)).toEqual(['γ² – ½']);
    client.close();
  });

  it('goes on where it was, and delivers nothing twice', async () => {
    const { client, next } = fakeHost();
    const events = collect();
    const resyncs: unknown[] = [];
    client.subscribe('experimentsChanged', events.listener);
    client.subscribe('resync', (payload) => resyncs.push(payload));
    const first = await next();
    expect(first.request.headers).toEqual({ authorization: 'Bearer secret' });
    first.line({ type: 'hello', stream: 's', sequence: 4 });
    first.line(datasets(5));
    first.line(datasets(6));
    await events.length(2);
    first.write('{"type":"event","seq');
    first.cut();
    const second = await next();
    expect(second.request.headers['last-sequence']).toBe('s:6');
    second.line({ type: 'hello', stream: 's', sequence: 6 });
    second.line(datasets(6));
    second.line(datasets(7));
    expect(await events.length(3)).toEqual(['5', '6', '7']);
    expect(resyncs).toEqual([]);
    client.close();
  });

  it.each([
    ['events were missed that are not known any more', 's', 40],
    ['the lab was started anew', 'another', 0],
    ['the lab was started anew and came as far', 'another', 6],
  ])('asks listeners to look at everything again where %s', async (_why, stream, sequence) => {
    const { client, next } = fakeHost();
    const events = collect();
    const resync = Promise.withResolvers<unknown>();
    client.subscribe('experimentsChanged', events.listener);
    client.subscribe('resync', resync.resolve);
    const first = await next();
    first.line({ type: 'hello', stream: 's', sequence: 5 });
    first.line(datasets(6));
    await events.length(1);
    first.cut();
    const second = await next();
    second.line({ type: 'hello', stream, sequence });
    second.line(datasets(sequence + 1));
    expect(await resync.promise).toEqual({});
    expect(await events.length(2)).toEqual(['6', String(sequence + 1)]);
    client.close();
  });

  it('tells whether the lab answers, at once and at each change', async () => {
    const { client, next } = fakeHost();
    const seen: boolean[] = [];
    let changed = Promise.withResolvers<undefined>();
    client.onConnection((connected) => {
      seen.push(connected);
      changed.resolve(undefined);
      changed = Promise.withResolvers();
    });
    const first = await next();
    let change = changed.promise;
    first.line({ type: 'hello', stream: 's', sequence: 0 });
    await change;
    change = changed.promise;
    first.cut();
    await change;
    change = changed.promise;
    (await next()).line({ type: 'hello', stream: 's', sequence: 0 });
    await change;
    expect(seen).toEqual([false, true, false, true]);
    client.close();
    expect(seen).toEqual([false, true, false, true]);
  });

  it('shares one stream, and ends it with the last listener', async () => {
    const { client, next } = fakeHost();
    const ends = [client.subscribe('datasetsChanged', () => undefined), client.subscribe('resync', () => undefined)];
    const { request } = await next();
    ends[0]?.();
    expect(request.signal.aborted).toBe(false);
    ends[1]?.();
    expect(request.signal.aborted).toBe(true);
    client.subscribe('datasetsChanged', () => undefined);
    expect((await next()).request.headers).not.toHaveProperty('last-sequence');
    client.close();
  });

  it('takes a silent connection as dead', async () => {
    const connections: HttpRequest[] = [];
    const second = Promise.withResolvers<undefined>();
    const client = createHttpClient({
      address: '',
      token: '',
      reconnectDelaysMs: [0],
      silenceMs: 20,
      fetch: (_url, request) => {
        connections.push(request);
        if (connections.length === 2) second.resolve(undefined);
        return new Promise((_, reject) =>
          (request.signal as AbortSignal).addEventListener('abort', () => reject(new Error('aborted'))),
        );
      },
    });
    client.subscribe('resync', () => undefined);
    await second.promise;
    expect(connections[0]?.signal.aborted).toBe(true);
    client.close();
  });
});

describe('calls of the HTTP client', () => {
  const answering = (response: () => Promise<HttpResponse>, timeoutMs = 1000) =>
    createHttpClient({ address: 'http://lab', token: 't', timeoutMs, fetch: response });

  it.each([
    ['nobody listens', () => Promise.reject(new TypeError('fetch failed')), 'The lab cannot be reached.'],
    [
      'something else listens',
      () => Promise.resolve(new Response('<h1>Not me</h1>', { status: 404 })),
      'Something that is not this lab answered with status 404.',
    ],
    [
      'something else answers with JSON',
      () => Promise.resolve(new Response('{"error":{"code":"E42"}}', { status: 500 })),
      'Something that is not this lab answered with status 500.',
    ],
  ])('say so where %s', async (_what, response, message) => {
    await expect(answering(response).invoke('queue.get', {})).rejects.toMatchObject({
      code: 'labUnreachable',
      message,
    });
  });

  it('give up after a time', async () => {
    const client = createHttpClient({
      address: '',
      token: '',
      timeoutMs: 10,
      fetch: (_url, { signal }) =>
        new Promise((_, reject) =>
          (signal as AbortSignal).addEventListener('abort', () => reject(new Error('aborted'))),
        ),
    });
    await expect(client.invoke('queue.get', {})).rejects.toMatchObject({
      code: 'labUnreachable',
      message: 'The lab did not answer in time.',
    });
  });
});
