import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RequestParts } from './rawRequest.ts';
import type { TestHost } from './testHost.ts';

/** A call that is let in; attacks change one thing of it. */
export function properCall({ host }: TestHost, body = '{"value":1}'): Required<RequestParts> {
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

export type Attack = [
  what: string,
  status: number,
  change: (call: Required<RequestParts>, port: number) => RequestParts,
];

const withHeaders =
  (headers: (port: number) => RequestParts['headers']): Attack[2] =>
  (call, port) => ({ ...call, headers: { ...call.headers, ...headers(port) } });
const withTarget =
  (target: string, method = 'POST'): Attack[2] =>
  (call) => ({ ...call, target, method });
const withBody =
  (body: string): Attack[2] =>
  (call) => ({ ...call, body, headers: { ...call.headers, 'content-length': String(Buffer.byteLength(body)) } });
/** A page that asks for the session's token, which it does not know yet. */
const withCode =
  (code: unknown): Attack[2] =>
  (call, port) =>
    withBody(JSON.stringify({ code }))(
      { ...call, target: '/session', headers: { ...call.headers, authorization: undefined } },
      port,
    );

const withHeadersOf =
  (method: string, headers: RequestParts['headers']): Attack[2] =>
  (call) => ({ ...call, method, headers: { ...call.headers, ...headers } });
/** An opening handshake (RFC 6455), with headers changed. */
const withUpgrade =
  (target: string, change: (headers: RequestParts['headers'] & object) => RequestParts['headers']): Attack[2] =>
  (call) => ({
    ...call,
    method: 'GET',
    target,
    body: '',
    headers: {
      ...change({ ...call.headers, 'content-length': undefined }),
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  });

/** Requests that have to be refused, each with its status. `docs/security.md` lists them. */
export const attacks: Attack[] = [
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
  ['a WebSocket to a method', 405, withUpgrade('/invoke/memory.set', (headers) => headers)],
  [
    'a WebSocket to the events without a token',
    401,
    withUpgrade('/events', (headers) => ({ ...headers, authorization: undefined })),
  ],
  [
    'a WebSocket of a foreign page',
    403,
    withUpgrade('/events', (headers) => ({ ...headers, origin: 'https://evil.example' })),
  ],
  [
    'HTTP/2 by upgrade',
    405,
    withHeadersOf('GET', {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQCAAAAAAIAAAAA',
    }),
  ],
  ['TRACE', 405, withTarget('/invoke/memory.set', 'TRACE')],
  ['PATCH', 405, withTarget('/invoke/memory.set', 'PATCH')],
  ['a method that there is not', 400, withTarget('/invoke/memory.set', 'HACK')],
  ['a method in small letters', 400, withTarget('/invoke/memory.set', 'post')],
  ['events by POST', 405, withTarget('/events')],
  ['a length that is no number', 400, withHeaders(() => ({ 'content-length': 'many' }))],
  ['a negative length', 400, withHeaders(() => ({ 'content-length': '-1' }))],
  ['a length with a sign', 400, withHeaders(() => ({ 'content-length': '+11' }))],
  ['two lengths', 400, withHeaders(() => ({ 'content-length': ['11', '12'] }))],
  [
    'a transfer coding that there is not',
    400,
    withHeaders(() => ({ 'content-length': undefined, 'transfer-encoding': 'xchunked' })),
  ],
  [
    'a chunk whose size is no number',
    400,
    (call) => ({
      ...call,
      headers: { ...call.headers, 'content-length': undefined, 'transfer-encoding': 'chunked' },
      body: 'zz\r\n{}\r\n0\r\n\r\n',
    }),
  ],
  ['a space before the colon of a header', 400, withHeaders(() => ({ 'content-length ': '1' }))],
  ['a header that goes on in the next line', 400, withHeaders(() => ({ 'x-folded': 'a\r\n b' }))],
  ['a null byte in a header', 400, withHeaders(() => ({ 'x-null': 'a\0b' }))],
  ['three thousand headers', 431, withHeaders(() => ({ 'x-many': Array.from({ length: 3000 }, () => 'x') }))],
  ['a header of 32 KiB', 431, withHeaders(() => ({ 'x-long': 'x'.repeat(32 * 1024) }))],
  ['a target of 32 KiB', 431, withTarget(`/${'a'.repeat(32 * 1024)}`, 'GET')],
  ['JSON that is cut off in deep nesting', 400, withBody('['.repeat(100_000))],
  ['a number in place of JSON’s end', 400, withBody('{"value":1}1')],
  [
    'a byte order mark of UTF-16',
    400,
    (call) => ({ ...call, body: '\xff\xfe{\0}\0', headers: { ...call.headers, 'content-length': '6' } }),
  ],
  ['a type that only begins like JSON', 415, withHeaders(() => ({ 'content-type': 'application/jsonp' }))],
  ['a body of several parts', 415, withHeaders(() => ({ 'content-type': 'multipart/form-data; boundary=x' }))],
  ['the host as a name with a dot at its end', 403, withHeaders((port) => ({ host: `localhost.:${port}` }))],
  ['the host in hexadecimal', 403, withHeaders((port) => ({ host: `0x7f000001:${port}`, origin: undefined }))],
  [
    'the host with a user before it',
    403,
    withHeaders((port) => ({ host: `evil@127.0.0.1:${port}`, origin: undefined })),
  ],
  [
    'the host that a proxy would name',
    403,
    withHeaders((port) => ({ host: 'evil.example', 'x-forwarded-host': `127.0.0.1:${port}` })),
  ],
  [
    'an upload without a token',
    401,
    (call) => ({
      ...call,
      target: `/upload/${'0'.repeat(32)}?name=a.bin`,
      headers: { ...call.headers, authorization: undefined },
    }),
  ],
  ['a code for a page that nobody was given', 401, withCode('A'.repeat(43))],
  ['a code that is no text', 401, withCode({ $ne: '' })],
  [
    'a code from a foreign page',
    403,
    (call, port) => withCode('')({ ...call, headers: { ...call.headers, origin: 'https://evil.example' } }, port),
  ],
  ['a session of another name', 404, (call) => ({ ...call, target: '/session/token' })],
  ['a code in a large body', 413, withCode('A'.repeat(2000))],
  [
    'a further code without a token',
    401,
    (call) => ({ ...call, target: '/session/code', headers: { ...call.headers, authorization: undefined } }),
  ],
];

export const securityDocument = fileURLToPath(new URL('../../../docs/security.md', import.meta.url));
const marks = ['<!-- requests -->', '<!-- end of requests -->'] as const;

/** The table of `docs/security.md`. */
export function formatAttacks(): string {
  return ['| request | answer |', '| --- | --- |', ...attacks.map(([what, status]) => `| ${what} | ${status} |`)].join(
    '\n',
  );
}

export function readAttackTable(text: string): string {
  return text.split(marks[0])[1]?.split(marks[1])[0]?.trim() ?? '';
}

/** Without the spaces that align columns. */
export function normalizeTable(table: string): string {
  return table.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = readFileSync(securityDocument, 'utf8');
  const [before = ''] = text.split(marks[0]);
  const [, after = ''] = text.split(marks[1]);
  writeFileSync(securityDocument, `${before}${marks[0]}\n\n${formatAttacks()}\n\n${marks[1]}${after}`);
}
