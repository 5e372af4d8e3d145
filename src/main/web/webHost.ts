import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { LabError } from '#shared/errors.ts';
import type { Dispatcher } from '../contract/dispatcher.ts';
import type { EventHub } from '../contract/eventHub.ts';
import { sendError, sendFailure, sendResult } from './answers.ts';
import { EventResponses, type EventStreamLimits } from './eventResponse.ts';
import { Refusal } from './refusal.ts';
import { PageCodes } from './pageCodes.ts';
import { codeUrl, pageUrl } from './pageUrl.ts';
import { readJsonBody, type BodyLimits } from './requestBody.ts';
import { createRequestGuard } from './requestGuard.ts';
import { securityHeaders } from './securityHeaders.ts';
import { missingInterfacePage, type StaticFiles } from './staticFiles.ts';
import { Uploads, type UploadLimits } from './uploads.ts';

export interface WebHostLimits {
  body: BodyLimits;
  events: EventStreamLimits;
  upload: UploadLimits;
  headersTimeoutMs: number;
  maximumConnections: number;
}

export const defaultLimits: WebHostLimits = {
  body: { maximumBytes: 1024 ** 2, timeoutMs: 15_000 },
  events: { maximum: 32, maximumOfBrowsers: 4, heartbeatMs: 15_000, maximumUnreadBytes: 8 * 1024 ** 2 },
  upload: {
    maximumBytes: 8 * 1024 ** 3,
    maximumFilesPerDrop: 200,
    maximumDrops: 8,
    idleTimeoutMs: 30_000,
    reservedBytes: 256 * 1024 ** 2,
  },
  headersTimeoutMs: 10_000,
  maximumConnections: 256,
};

export interface WebHostOptions {
  dispatcher: Dispatcher;
  events: EventHub;
  labDirectory: string;
  files: StaticFiles;
  /** 0 takes a free one. */
  port: number;
  /** Drawn at random where it is absent. */
  token?: string;
  limits?: Partial<WebHostLimits>;
}

export interface WebHost {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly token: string;
  /** The address for people, with the token in the part that is never sent. */
  readonly url: string;
  /** Dropped files, to be released after their import. */
  readonly uploads: Uploads;
  /** An address that opens one page and tells nobody the token: see `PageCodes`. */
  urlForBrowser(): string;
  /** How many command lines follow what happens here. */
  countPrograms(): number;
  close(): Promise<void>;
}

/** Of whoever has no token yet. */
const codeLimits: BodyLimits = { maximumBytes: 1024, timeoutMs: 5000 };
const codeSchema = z.strictObject({ code: z.string() });

export const uploadsDirectoryName = 'uploads';

/**
 * Serves the interface and the lab's contract on 127.0.0.1, to this machine's user alone.
 * @throws LabError `invalidArgument` where the port is taken or not permitted.
 */
export async function startHost(options: WebHostOptions): Promise<WebHost> {
  const limits = { ...defaultLimits, ...options.limits };
  const token = options.token ?? randomBytes(32).toString('base64url');
  const uploads = new Uploads(join(options.labDirectory, uploadsDirectoryName), limits.upload);
  await uploads.clear();
  const streams = new EventResponses(options.events, limits.events);
  const server = createServer({
    headersTimeout: limits.headersTimeoutMs,
    // Bodies have deadlines of their own: a large file takes as long as it takes.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, 5000),
  });
  server.maxConnections = limits.maximumConnections;
  const port = await listen(server, options.port);
  const guard = createRequestGuard(port, token);
  const codes = new PageCodes();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    guard.checkSource(request);
    const { path, query } = parseTarget(request.url ?? '');
    const [, area, detail = ''] = /^\/(invoke|events|upload|session)(?:\/([A-Za-z0-9.]{1,100}))?$/.exec(path) ?? [];
    if (area === undefined) {
      sendFile(request, response, options.files, path);
      return;
    }
    if (area === 'session' && detail === '') {
      requireMethod(request, 'POST');
      await sendResult(response, { token: redeem(await readJsonBody(request, codeLimits)) });
      return;
    }
    guard.checkToken(request);
    if (area === 'session') {
      if (detail !== 'code') throw new Refusal(404, 'There is nothing at this address.', 'Ask for /session/code.');
      requireMethod(request, 'POST');
      await sendResult(response, { code: codes.issue() });
    } else if (area === 'events') {
      requireMethod(request, 'GET');
      streams.answer(request, response);
    } else if (area === 'upload') {
      requireMethod(request, 'POST');
      const uploaded = await uploads.receive(request, detail, new URLSearchParams(query).get('name') ?? '');
      await sendResult(response, uploaded);
    } else {
      requireMethod(request, 'POST');
      const input = await readJsonBody(request, limits.body);
      const result = await options.dispatcher.dispatch(detail, input);
      if (result.ok) await sendResult(response, result.value);
      else sendError(response, result.error);
    }
  }

  function redeem(body: unknown): string {
    const parsed = codeSchema.safeParse(body);
    if (parsed.success && codes.redeem(parsed.data.code)) return token;
    throw new Refusal(
      401,
      'This page was opened by an address that is good for once only.',
      'Open the address that NormLab printed when it was started, with its token.',
    );
  }

  server.on('request', (request, response) => {
    // A connection that breaks is the client's affair.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    answer(request, response).catch((error: unknown) => {
      sendFailure(request, response, error);
    });
  });

  const address = `http://127.0.0.1:${port}`;
  let closed: Promise<void> | null = null;
  return {
    port,
    address,
    token,
    url: pageUrl(address, token),
    uploads,
    urlForBrowser: () => codeUrl(address, codes.issue()),
    countPrograms: () => streams.countOfPrograms,
    close() {
      closed ??= (async () => {
        const ended = new Promise<void>((resolve) => server.close(() => resolve()));
        streams.close();
        server.closeAllConnections();
        await ended;
        await uploads.clear();
      })();
      return closed;
    },
  };
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new LabError(
          'invalidArgument',
          `The port ${port} of this machine cannot be used.`,
          'Choose another one with --port, or 0 for any that is free.',
          error,
        ),
      );
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * Path and query of a request. Addresses of this host are plain: whatever is encoded, steps upwards or
 * names another host is refused before anything is looked up.
 */
export function parseTarget(target: string): { path: string; query: string } {
  const [, path, query = ''] = /^(\/[A-Za-z0-9._/-]*)(?:\?([\x21-\x7e]*))?$/.exec(target) ?? [];
  if (path === undefined || path.includes('..') || path.includes('//')) {
    throw new Refusal(400, 'The address is not one of this host.', 'Open the address that NormLab printed.');
  }
  return { path, query };
}

function requireMethod(request: IncomingMessage, method: 'GET' | 'POST'): void {
  if (request.method === method) return;
  throw new Refusal(405, `Only ${method} is possible here.`, `Use ${method}.`, { allow: method });
}

function sendFile(request: IncomingMessage, response: ServerResponse, files: StaticFiles, path: string): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new Refusal(405, 'Only GET is possible here.', 'Use GET.', { allow: 'GET, HEAD' });
  }
  const file = files.get(path);
  if (file) {
    response.writeHead(200, {
      'content-type': file.contentType,
      'cache-control': file.cacheControl,
      'content-length': file.bytes.length,
    });
    response.end(request.method === 'HEAD' ? undefined : file.bytes);
  } else if (path === '/' && files.size === 0) {
    response.writeHead(503, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(missingInterfacePage);
  } else {
    throw new Refusal(404, 'There is nothing at this address.', 'Open the address that NormLab printed.');
  }
}
