import { describe, expect, it } from 'vitest';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { createHttpClient } from '#shared/transport/httpClient.ts';
import type { HttpFetch } from '#shared/transport/platform.ts';
import { createWatch } from '../contract/testLab.ts';
import { nodeFetch, startTestHost } from './testHost.ts';

/** A fetch whose event streams break after so many bytes each, in the middle of a line or not; the last does not. */
function breakingFetch(bytes: number[]): { fetch: HttpFetch; breaks: () => number } {
  let breaks = 0;
  return {
    breaks: () => breaks,
    fetch: async (url, request) => {
      const limit = url.endsWith('/events') ? bytes.shift() : undefined;
      if (limit === undefined) return nodeFetch(url, request);
      const cut = new AbortController();
      const signal = AbortSignal.any([request.signal as AbortSignal, cut.signal]);
      const response = await fetch(url, { ...request, signal });
      let left = limit;
      const cutter = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          controller.enqueue(chunk.subarray(0, left));
          left -= chunk.length;
          if (left > 0) return;
          breaks += 1;
          controller.error(new Error('The connection broke.'));
          cut.abort();
        },
      });
      return new Response(response.body?.pipeThrough(cutter) ?? null, { status: response.status });
    },
  };
}

describe('a connection that breaks ten times', () => {
  it.each([1, 2, 3])('loses and doubles no event (seed %i)', async (seed) => {
    const random = createRandomStream(seed, 'test/reconnection');
    const { host, events } = await startTestHost();
    const { fetch, breaks } = breakingFetch(Array.from({ length: 10 }, () => 100 + random.integer(2000)));
    const client = createHttpClient({ fetch, address: host.address, token: host.token, reconnectDelaysMs: [0, 1, 2] });
    const received: string[] = [];
    const resyncs: unknown[] = [];
    const connections: boolean[] = [];
    const watch = createWatch();
    client.onConnection((connected) => {
      connections.push(connected);
      watch.notice();
    });
    client.subscribe('resync', (payload) => resyncs.push(payload));
    client.subscribe('experimentsChanged', ({ ids }) => {
      received.push(...ids);
      watch.notice();
    });
    await watch.until(() => connections.includes(true));
    const sent: string[] = [];
    while (breaks() < 10 || sent.length < 100) {
      sent.push(`event ${sent.length}`);
      events.emit('experimentsChanged', { ids: [sent.at(-1) ?? ''] });
      events.flush();
      // Sometimes many at once, also while nobody is connected.
      if (random.integer(3) === 0) await new Promise((resolve) => setImmediate(resolve));
      // Never more than the host remembers ahead of the client.
      if (sent.length - received.length > 500) await watch.until(() => sent.length === received.length);
    }
    await watch.until(() => received.length >= sent.length);
    expect(received).toEqual(sent);
    expect(resyncs).toEqual([]);
    expect(connections.filter((connected) => !connected)).toHaveLength(11);
    client.close();
  });

  it('tells listeners to look again where it was away for too long', async () => {
    const { host, events } = await startTestHost();
    const { fetch } = breakingFetch([300]);
    const client = createHttpClient({ fetch, address: host.address, token: host.token, reconnectDelaysMs: [0] });
    const resync = Promise.withResolvers<unknown>();
    const watch = createWatch();
    let connected = false;
    client.onConnection((now) => {
      connected = now;
      watch.notice();
    });
    client.subscribe('resync', resync.resolve);
    await watch.until(() => connected);
    // In one go: the client cannot come back between.
    for (let count = 0; count < 2000; count++) {
      events.emit('experimentsChanged', { ids: [String(count)] });
      events.flush();
    }
    expect(await resync.promise).toEqual({});
    client.close();
  });

  it('misses nothing that happens between a subscription and the answer to a call after it', async () => {
    const { host, events } = await startTestHost({
      answer: () => {
        // Right behind the answer, before the client can have it.
        events.emit('experimentsChanged', { ids: ['news'] });
        return Promise.resolve({ ok: true, value: [] });
      },
    });
    const client = createHttpClient({ fetch: nodeFetch, address: host.address, token: host.token });
    const news = Promise.withResolvers<unknown>();
    client.subscribe('experimentsChanged', news.resolve);
    await client.invoke('experiments.list', {});
    expect(await news.promise).toEqual({ ids: ['news'] });
    client.close();
  });
});

describe('a client that does not read', () => {
  it('is cut off, and goes on where it was', async () => {
    const { host, events } = await startTestHost({
      limits: { events: { maximum: 4, maximumOfBrowsers: 4, heartbeatMs: 1000, maximumUnreadBytes: 100_000 } },
    });
    const headers = { authorization: `Bearer ${host.token}` };
    const slow = await fetch(`${host.address}/events`, { headers });
    const large = 'x'.repeat(10_000);
    for (let count = 0; count < 900; count++) {
      events.emit('experimentsChanged', { ids: [`${count} ${large}`] });
      events.flush();
    }
    const reader = slow.body?.getReader();
    let bytes = 0;
    await expect(
      (async () => {
        for (;;) {
          const chunk = await reader?.read();
          if (chunk?.done !== false) return;
          bytes += chunk.value.length;
        }
      })(),
    ).rejects.toThrow();
    expect(bytes).toBeLessThan(900 * 10_000);
    const again = await fetch(`${host.address}/events`, {
      headers: { ...headers, 'last-sequence': `${events.stream}:895` },
    });
    const first = await again.body?.getReader().read();
    expect(new TextDecoder().decode(first?.value)).toMatch(/^\{"type":"hello",.*"sequence":895\}\n/);
  });
});
