import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/**
 * Who may ask. A web page of anybody can make its visitor's browser send requests to 127.0.0.1; these
 * checks let through only the page that this host served, and programs that know the token.
 */
export interface RequestGuard {
  /** Refuses a host name that is not this host's own (DNS rebinding) and requests of foreign pages. */
  checkSource(request: IncomingMessage): void;
  /** Refuses who does not know the token. */
  checkToken(request: IncomingMessage): void;
}

export function createRequestGuard(port: number, token: string): RequestGuard {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const tokenDigest = digest(token);
  return {
    checkSource(request) {
      const host = only(request, 'host');
      if (host === null || !hosts.includes(host)) {
        throw new Refusal(
          403,
          'This host answers to its own address only.',
          `Open it as http://${hosts[0]}; over SSH, forward this same port number.`,
        );
      }
      if (request.headers.origin !== undefined && only(request, 'origin') !== `http://${host}`) {
        throw new Refusal(403, 'A page of another origin asked.', 'Open the address that NormLab printed.');
      }
      const site = request.headers['sec-fetch-site'];
      if (site === undefined || site === 'same-origin') return;
      // Typed, bookmarked or followed from elsewhere: opening the page itself gives nothing away.
      const opensPage =
        request.method === 'GET' &&
        request.headers['sec-fetch-mode'] === 'navigate' &&
        request.headers['sec-fetch-dest'] === 'document';
      if (site === 'none' || opensPage) return;
      throw new Refusal(403, 'A page of another site asked.', 'Open the address that NormLab printed.');
    },
    checkToken(request) {
      const given = /^Bearer ([A-Za-z0-9_-]{1,200})$/.exec(only(request, 'authorization') ?? '')?.[1];
      // Digests have equal length, so that the comparison takes the same time whatever was given.
      if (given !== undefined && timingSafeEqual(digest(given), tokenDigest)) return;
      throw new Refusal(
        401,
        given === undefined ? 'This page has no session.' : 'This page’s session is over.',
        'Open the address that NormLab printed when it was started, with its token.',
        { 'www-authenticate': 'Bearer' },
      );
    },
  };
}

/** The value of a header that is there exactly once. */
function only(request: IncomingMessage, name: string): string | null {
  const values = request.headersDistinct[name];
  return values?.length === 1 ? (values[0] ?? null) : null;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
