import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

export interface BodyLimits {
  /** Largest body of a call. */
  maximumBytes: number;
  /** Until the whole body is here. */
  timeoutMs: number;
}

/** @throws Refusal 411, 413 or 415 where headers alone tell that the body is not acceptable. */
export function checkBodyHeaders(request: IncomingMessage, contentType: string, maximumBytes: number): void {
  const type = request.headers['content-type']?.toLowerCase().replaceAll(' ', '');
  if (type !== contentType && type !== `${contentType};charset=utf-8`) {
    throw new Refusal(415, `The content type must be ${contentType}.`, 'Send it with that content type.');
  }
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new Refusal(415, 'Compressed bodies are not accepted.', 'Send the body as it is.');
  }
  if (Number(request.headers['content-length'] ?? 0) > maximumBytes) throw tooLarge(maximumBytes);
}

export function tooLarge(maximumBytes: number): Refusal {
  return new Refusal(413, `The body is larger than ${maximumBytes} bytes.`, 'Send less at once.');
}

/** Reads a small JSON body. @throws Refusal 400, 408, 413 or 415. */
export async function readJsonBody(request: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  checkBodyHeaders(request, 'application/json', limits.maximumBytes);
  const bytes = await readBytes(request, limits);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new Refusal(400, 'The body is not valid JSON.', 'Send one JSON value in UTF-8.');
  }
}

function readBytes(request: IncomingMessage, { maximumBytes, timeoutMs }: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      request.off('data', take);
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const timer = setTimeout(() => {
      fail(new Refusal(408, 'The body did not arrive in time.', 'Send it again.'));
    }, timeoutMs);
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > maximumBytes) fail(tooLarge(maximumBytes));
      else chunks.push(chunk);
    };
    request.on('data', take);
    request.once('error', fail);
    request.once('end', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
}
