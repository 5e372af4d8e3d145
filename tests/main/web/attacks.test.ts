import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { contentSecurityPolicy } from '#main/web/securityHeaders.ts';
import { defaultLimits, parseTarget } from '#main/web/webHost.ts';
import { formatRequest, sendRaw, type RequestParts } from './rawRequest.ts';
import { startTestHost, type TestHost } from './testHost.ts';

/** A call that is let in; attacks change one thing of it. */
function properCall({ host }: TestHost, body = '{"value":1}'): Required<RequestParts> {
  return {
    method: 'POST',
    target: '/invoke/memory.set',
    headers: {
      host: `127.0.0.1:${host.port}`,
      origin: `http://127.0.0.1:${host.port}`,
      'sec-fetch-site': 'same-origin',
      authorization: `Bearer ${host.token}`,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    },
    body,
  };
}

type Attack = [what: string, status: number, change: (call: Required<RequestParts>, port: number) => RequestParts];

const withHeaders =
  (headers: (port: number) => RequestParts['headers']): Attack[2] =>
  (call, port) => ({ ...call, headers: { ...call.headers, ...headers(port) } });
const withTarget =
  (target: string, method = 'POST'): Attack[2] =>
  (call) => ({ ...call, target, method });
const withBody =
  (body: string): Attack[2] =>
  (call) => ({ ...call, body, headers: { ...call.headers, 'content-length': String(Buffer.byteLength(body)) } });

const attacks: Attack[] = [
  ['a foreign origin', 403, withHeaders(() => ({ origin: 'https://evil.example' }))],
  [
    'an origin that only begins like ours',
    403,
    withHeaders((port) => ({ origin: `http://127.0.0.1:${port}.evil.example` })),
  ],
  ['our address with another port as origin', 403, withHeaders(() => ({ origin: 'http://127.0.0.1:1' }))],
  ['our other name as origin', 403, withHeaders((port) => ({ origin: `http://localhost:${port}` }))],
  ['our address over https as origin', 403, withHeaders((port) => ({ origin: `https://127.0.0.1:${port}` }))],
  ['the null origin of a sandboxed frame', 403, withHeaders(() => ({ origin: 'null' }))],
  ['two origins', 403, withHeaders((port) => ({ origin: [`http://127.0.0.1:${port}`, 'https://evil.example'] }))],
  [
    'a request that a browser calls cross-site',
    403,
    withHeaders(() => ({ origin: undefined, 'sec-fetch-site': 'cross-site' })),
  ],
  [
    'a request that a browser calls same-site',
    403,
    withHeaders(() => ({ origin: undefined, 'sec-fetch-site': 'same-site' })),
  ],
  [
    'a cross-site navigation that posts',
    403,
    withHeaders(() => ({
      origin: undefined,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    })),
  ],
  ['a foreign host', 403, withHeaders(() => ({ host: 'evil.example' }))],
  [
    'a rebound name with our port',
    403,
    withHeaders((port) => ({ host: `evil.example:${port}`, origin: `http://evil.example:${port}` })),
  ],
  [
    'a name that resolves to 127.0.0.1',
    403,
    withHeaders((port) => ({ host: `127.0.0.1.nip.io:${port}`, origin: undefined })),
  ],
  ['our address without a port', 403, withHeaders(() => ({ host: '127.0.0.1' }))],
  ['our address with another port', 403, withHeaders(() => ({ host: '127.0.0.1:1' }))],
  ['another address of this machine', 403, withHeaders((port) => ({ host: `0.0.0.0:${port}`, origin: undefined }))],
  ['an address of this machine in IPv6', 403, withHeaders((port) => ({ host: `[::1]:${port}`, origin: undefined }))],
  ['an empty host', 403, withHeaders(() => ({ host: '' }))],
  ['no host', 400, withHeaders(() => ({ host: undefined }))],
  ['two hosts', 403, withHeaders((port) => ({ host: [`127.0.0.1:${port}`, 'evil.example'] }))],
  ['no token', 401, withHeaders(() => ({ authorization: undefined }))],
  ['an empty token', 401, withHeaders(() => ({ authorization: 'Bearer ' }))],
  ['another token', 401, withHeaders(() => ({ authorization: `Bearer ${'A'.repeat(43)}` }))],
  [
    'a token that is cut short',
    401,
    (call) => ({
      ...call,
      headers: { ...call.headers, authorization: String(call.headers['authorization']).slice(0, -1) },
    }),
  ],
  [
    'a token that is too long',
    401,
    (call) => ({ ...call, headers: { ...call.headers, authorization: `${String(call.headers['authorization'])}A` } }),
  ],
  [
    'the token in another scheme',
    401,
    (call) => ({
      ...call,
      headers: { ...call.headers, authorization: String(call.headers['authorization']).replace('Bearer', 'Basic') },
    }),
  ],
  [
    'two tokens',
    401,
    (call) => ({
      ...call,
      headers: { ...call.headers, authorization: [String(call.headers['authorization']), 'Bearer x'] },
    }),
  ],
  [
    'the token in the address',
    401,
    (call) => ({
      ...call,
      target: `/invoke/memory.set?token=${String(call.headers['authorization']).slice(7)}`,
      headers: { ...call.headers, authorization: undefined },
    }),
  ],
  [
    'the token in a cookie',
    401,
    (call) => ({
      ...call,
      headers: {
        ...call.headers,
        authorization: undefined,
        cookie: `token=${String(call.headers['authorization']).slice(7)}`,
      },
    }),
  ],
  ['a form', 415, withHeaders(() => ({ 'content-type': 'application/x-www-form-urlencoded' }))],
  ['plain text, which needs no preflight', 415, withHeaders(() => ({ 'content-type': 'text/plain' }))],
  ['no content type', 415, withHeaders(() => ({ 'content-type': undefined }))],
  ['another character set', 415, withHeaders(() => ({ 'content-type': 'application/json; charset=utf-7' }))],
  ['a compressed body', 415, withHeaders(() => ({ 'content-encoding': 'gzip' }))],
  ['a body that says it is too large', 413, withHeaders(() => ({ 'content-length': String(2 * 1024 ** 2) }))],
  [
    'a body in pieces that gets too large',
    413,
    (call) => ({
      ...call,
      headers: { ...call.headers, 'content-length': undefined, 'transfer-encoding': 'chunked' },
      body: `${(2 * 1024 ** 2).toString(16)}\r\n${' '.repeat(2 * 1024 ** 2)}\r\n0\r\n\r\n`,
    }),
  ],
  ['a length and pieces at once', 400, withHeaders(() => ({ 'transfer-encoding': 'chunked' }))],
  ['GET in place of POST', 405, withTarget('/invoke/memory.set', 'GET')],
  ['PUT', 405, withTarget('/invoke/memory.set', 'PUT')],
  ['a preflight', 405, withTarget('/invoke/memory.set', 'OPTIONS')],
  ['DELETE on a file', 405, withTarget('/', 'DELETE')],
  ['invalid JSON', 400, withBody('{"value":')],
  ['an empty body', 400, withBody('')],
  ['two JSON values', 400, withBody('{}{}')],
  [
    'bytes that are no UTF-8',
    400,
    (call) => ({ ...call, body: '"\xff\xfe"', headers: { ...call.headers, 'content-length': '4' } }),
  ],
  ['a method name with a slash', 405, withTarget('/invoke/memory.set/more')],
  ['a path to a file outside', 400, withTarget('/../../etc/passwd', 'GET')],
  ['an encoded path to a file outside', 400, withTarget('/%2e%2e/%2e%2e/etc/passwd', 'GET')],
  ['a doubly encoded path to a file outside', 400, withTarget('/%252e%252e%252fetc/passwd', 'GET')],
  ['an encoded slash', 400, withTarget('/..%2f..%2fetc/passwd', 'GET')],
  ['an overlong encoding', 400, withTarget('/%c0%ae%c0%ae/etc/passwd', 'GET')],
  ['backslashes', 400, withTarget('/..\\..\\etc\\passwd', 'GET')],
  ['encoded backslashes', 400, withTarget('/..%5c..%5cetc', 'GET')],
  ['a null byte', 400, withTarget('/index.html%00.png', 'GET')],
  ['two slashes', 400, withTarget('//etc/passwd', 'GET')],
  ['steps upwards below a folder', 400, withTarget('/assets/../../package.json', 'GET')],
  ['an absolute address', 400, withTarget('http://evil.example/', 'GET')],
  ['an address of a file', 400, withTarget('file:///etc/passwd', 'GET')],
  ['a file that is not served', 404, withTarget('/package.json', 'GET')],
  ['a file of the lab', 404, withTarget('/lab.sqlite', 'GET')],
  ['an upload without a place', 404, withTarget('/upload?name=a.bin')],
  ['an upload to a place upwards', 400, withTarget('/upload/..?name=a.bin')],
];

describe('attacks', () => {
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
