import { setImmediate } from 'node:timers/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { Refusal, statusOfError } from './refusal.ts';

/** Longest time of turning a result into text before other work gets its turn. */
const sliceMs = 10;

/** Sends a result, turned into text piece by piece: curves of hundreds of runs are megabytes. */
export async function sendResult(response: ServerResponse, value: unknown): Promise<void> {
  const pieces: string[] = [];
  if (Array.isArray(value)) {
    let sliceStart = performance.now();
    for (const member of value as unknown[]) {
      pieces.push(JSON.stringify(member));
      if (performance.now() - sliceStart < sliceMs) continue;
      await setImmediate();
      sliceStart = performance.now();
    }
    sendText(response, 200, `{"result":[${pieces.join(',')}]}`);
  } else {
    sendText(response, 200, JSON.stringify({ result: value }));
  }
}

/**
 * Sends an error that a handler answered with. An expected failure is an answer like any other: a browser
 * would write every other status into its console. A call that is wrong in itself is the caller's fault.
 */
export function sendError(response: ServerResponse, error: LabErrorData): void {
  const isFault = error.code === 'invalidArgument' || error.code === 'internal';
  sendText(response, isFault ? statusOfError(error.code) : 200, JSON.stringify({ error }));
}

/** Answers a request that failed, with the status of its failure, and lets go of the connection. */
export function sendFailure(request: IncomingMessage, response: ServerResponse, failure: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const [status, error] =
    failure instanceof Refusal
      ? [failure.status, failure.data]
      : [statusOfError(failure instanceof LabError ? failure.code : 'internal'), toLabErrorData(failure)];
  if (failure instanceof Refusal)
    for (const [name, value] of Object.entries(failure.headers)) response.setHeader(name, value);
  if (!request.complete) discardRest(request, response);
  sendText(response, status, JSON.stringify({ error }));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** What is left of a refused body is read for a moment, so that its sender gets to see the answer. */
function discardRest(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('connection', 'close');
  request.resume();
  const timer = setTimeout(() => request.destroy(), 1000);
  request.once('close', () => clearTimeout(timer));
}
