import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { contentSecurityPolicy } from '#main/web/securityHeaders.ts';
import { defaultLimits, parseTarget } from '#main/web/webHost.ts';
import {
  attacks,
  formatAttacks,
  normalizeTable,
  properCall,
  readAttackTable,
  securityDocument,
} from './attackTable.ts';
import { formatRequest, sendRaw } from './rawRequest.ts';
import { startTestHost } from './testHost.ts';

describe('attacks', () => {
  it('are those that the document lists', async () => {
    expect(attacks.length).toBeGreaterThanOrEqual(40);
    expect(new Set(attacks.map(([what]) => what)).size).toBe(attacks.length);
    // Written by `node tests/main/web/attackTable.ts`.
    const text = await readFile(securityDocument, 'utf8');
    expect(normalizeTable(readAttackTable(text))).toBe(normalizeTable(formatAttacks()));
  });

  it('stand beside Electron’s whole checklist', async () => {
    const rows = (await readFile(securityDocument, 'utf8')).split('\n').filter((line) => /^\| *\d+ /.test(line));
    expect(rows).toHaveLength(20);
    // The fuses are open: there is no package whose they were.
    expect(rows.filter((row) => /`tests\/.*”/.test(row)).length).toBeGreaterThanOrEqual(18);
  });

  it('has a proper call that is let in, so that each attack fails for its own reason', async () => {
    const test = await startTestHost();
    const answer = await sendRaw(test.host.port, formatRequest(properCall(test)));
    expect(answer).toMatchObject({ status: 200, body: '{"result":{"name":"memory.set","input":{"value":1}}}' });
    expect(test.calls).toHaveLength(1);
  });

  it.each(attacks)('refuses %s with status %i, without any effect', async (_what, status, change) => {
    const test = await startTestHost();
    const answer = await sendRaw(test.host.port, formatRequest(change(properCall(test), test.host.port)));
    expect(answer.status).toBe(status);
    expect(test.calls).toEqual([]);
    expect(answer.body).not.toContain(test.host.token);
    // Refused by Node's own parser, before there is anything to answer with.
    if (answer.headers['content-type'] === undefined) return;
    expect(JSON.parse(answer.body)).toMatchObject({ error: { message: /.\.$/, hint: /.\.$/ } });
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'content-type': 'application/json' });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('lets in no more connections than it can bear, and again when some have gone', async () => {
    const { host } = await startTestHost({ limits: { maximumConnections: 2 } });
    const open = async (): Promise<Socket> => {
      const socket = connect(host.port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    };
    const ask = async (socket: Socket): Promise<string> => {
      socket.write(formatRequest({ headers: { host: `127.0.0.1:${host.port}` } }), 'latin1');
      return (await text(socket)).slice(0, 15);
    };
    const [first, second, third] = [await open(), await open(), await open()];
    expect(await text(third)).toBe('');
    expect(await ask(first)).toBe('HTTP/1.1 200 OK');
    expect(await ask(await open())).toBe('HTTP/1.1 200 OK');
    second.destroy();
  });

  it('cuts off a reader that reads nothing, before it costs memory', async () => {
    const maximumUnreadBytes = 64 * 1024;
    const test = await startTestHost({ limits: { events: { ...defaultLimits.events, maximumUnreadBytes } } });
    const socket = connect(test.host.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const { authorization, host } = properCall(test).headers;
    socket.write(formatRequest({ target: '/events', headers: { authorization, host } }), 'latin1');
    await vi.waitUntil(() => test.host.countPrograms() === 1);
    socket.pause();
    // What the system itself takes in for a reader is some megabytes.
    for (let sent = 0; test.host.countPrograms() > 0; sent += 1) {
      expect(sent).toBeLessThan(400);
      const told = new Promise<void>((resolve) => {
        const end = test.events.subscribe(() => {
          end();
          resolve();
        });
      });
      test.events.emit('experimentsChanged', { ids: ['x'.repeat(256 * 1024)] });
      await told;
      // The end of a connection is noticed between two turns.
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.destroy();
  });

  it('hands keys of prototypes on as plain data, which the dispatcher refuses', async () => {
    const test = await startTestHost();
    const body = '{"key":"x","value":{"__proto__":{"polluted":true}}}';
    await sendRaw(test.host.port, formatRequest(properCall(test, body)));
    expect(test.calls).toHaveLength(1);
    expect({}).not.toHaveProperty('polluted');
  });

  it('gives up on a body that does not come', async () => {
    const test = await startTestHost({ limits: { body: { maximumBytes: 1000, timeoutMs: 50 } } });
    const call = properCall(test);
    const request = formatRequest({ ...call, headers: { ...call.headers, 'content-length': '500' } });
    expect((await sendRaw(test.host.port, request)).status).toBe(408);
    expect(test.calls).toEqual([]);
  });

  it('gives up on headers that do not come', async () => {
    const test = await startTestHost({ limits: { headersTimeoutMs: 50 } });
    expect((await sendRaw(test.host.port, 'GET / HTTP/1.1\r\nhost: ')).status).toBe(408);
  });

  it('closes a connection that speaks no HTTP', async () => {
    const test = await startTestHost();
    expect((await sendRaw(test.host.port, '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n')).status).toBe(400);
  });

  it('lets in only so many streams', async () => {
    const test = await startTestHost({
      limits: { events: { ...defaultLimits.events, maximum: 3, maximumOfBrowsers: 2 } },
    });
    const headers = { authorization: `Bearer ${test.host.token}` };
    const ofBrowser = { ...headers, 'sec-fetch-site': 'same-origin' };
    const abort = new AbortController();
    const open = async (of: Record<string, string>): Promise<number> =>
      (await fetch(`${test.host.address}/events`, { headers: of, signal: abort.signal })).status;
    expect(await open(ofBrowser)).toBe(200);
    expect(await open(ofBrowser)).toBe(200);
    expect(await open(ofBrowser)).toBe(429);
    expect(await open(headers)).toBe(200);
    expect(await open(headers)).toBe(429);
    abort.abort();
  });

  it('is not there on other addresses of this machine', async () => {
    const { host } = await startTestHost();
    const refused = await new Promise<boolean>((resolve) => {
      const socket = connect(host.port, '::1', () => {
        socket.destroy();
        resolve(false);
      });
      socket.on('error', () => resolve(true));
    });
    expect(refused).toBe(true);
  });
});

describe('the page', () => {
  it('is given to anyone on this machine, with headers that bind it', async () => {
    const { host } = await startTestHost();
    const answer = await sendRaw(host.port, formatRequest({ headers: { host: `localhost:${host.port}` } }));
    expect(answer).toMatchObject({ status: 200, body: '<!doctype html>page' });
    expect(answer.headers).toMatchObject({
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    for (const directive of ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]) {
      expect(contentSecurityPolicy.split('; ')).toContain(directive);
    }
    expect(contentSecurityPolicy).toMatch(/script-src 'self';/);
  });

  it('may be opened by a link on another site, but not loaded into one', async () => {
    const { host } = await startTestHost();
    const get = (dest: string, mode: string) =>
      sendRaw(
        host.port,
        formatRequest({
          headers: {
            host: `127.0.0.1:${host.port}`,
            'sec-fetch-site': 'cross-site',
            'sec-fetch-mode': mode,
            'sec-fetch-dest': dest,
          },
        }),
      );
    expect((await get('document', 'navigate')).status).toBe(200);
    expect((await get('iframe', 'navigate')).status).toBe(403);
    expect((await get('script', 'no-cors')).status).toBe(403);
  });

  it('says how to build it where it is not built', async () => {
    const { host } = await startTestHost({ files: new Map() });
    const answer = await sendRaw(host.port, formatRequest({ headers: { host: `127.0.0.1:${host.port}` } }));
    expect(answer.status).toBe(503);
    expect(answer.body).toContain('npm start');
  });
});

describe('parseTarget', () => {
  it('takes plain addresses apart', () => {
    expect(parseTarget('/')).toEqual({ path: '/', query: '' });
    expect(parseTarget('/assets/index-Dk3_x.js?v=1')).toEqual({ path: '/assets/index-Dk3_x.js', query: 'v=1' });
  });
});
