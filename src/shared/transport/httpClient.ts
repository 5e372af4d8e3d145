import { LabError, labErrorCodes, type LabErrorData } from '../errors.ts';
import type { EventName, LabClient, LabEvents, MethodInput, MethodName, MethodOutput } from '../contract.ts';
import type { EventMessage } from './eventMessage.ts';
import { EventStream } from './eventStream.ts';
import { createAbortController, startTimer, type HttpFetch, type HttpResponse } from './platform.ts';

export interface HttpClientOptions {
  fetch: HttpFetch;
  /** `http://127.0.0.1:4000`, without a slash at its end; empty for a page that the lab itself served. */
  address: string;
  token: string;
  /** After this time a call fails: the lab cannot be reached. */
  timeoutMs?: number;
  reconnectDelaysMs?: readonly number[];
  silenceMs?: number;
}

export interface HttpLabClient extends LabClient {
  /** Ends the event stream, whoever listens still. */
  close(): void;
}

/**
 * A lab behind its local web host. All subscriptions share one stream of events, which is there while
 * anyone listens. Calls made after a subscription wait for that stream first, so that nothing that
 * happens after their answer was made is missed.
 */
export function createHttpClient(options: HttpClientOptions): HttpLabClient {
  const listeners = new Set<(message: EventMessage) => void>();
  const connectionListeners = new Set<(connected: boolean) => void>();
  const authorization = { authorization: `Bearer ${options.token}` };
  let stream: EventStream | null = null;

  function openStream(): EventStream {
    return new EventStream({
      fetch: options.fetch,
      url: `${options.address}/events`,
      headers: authorization,
      onEvent: (message) => {
        for (const listener of [...listeners]) guarded(() => listener(message));
      },
      onConnection: (connected) => {
        for (const listener of [...connectionListeners]) guarded(() => listener(connected));
      },
      ...(options.reconnectDelaysMs ? { reconnectDelaysMs: options.reconnectDelaysMs } : {}),
      ...(options.silenceMs === undefined ? {} : { silenceMs: options.silenceMs }),
    });
  }

  function listen<Listener>(set: Set<Listener>, listener: Listener): () => void {
    set.add(listener);
    stream ??= openStream();
    return () => {
      set.delete(listener);
      if (listeners.size + connectionListeners.size > 0) return;
      stream?.close();
      stream = null;
    };
  }

  return {
    async invoke<Name extends MethodName>(name: Name, input: MethodInput<Name>) {
      await stream?.firstAttempt;
      const response = await call(options, `${options.address}/invoke/${name}`, JSON.stringify(input), {
        ...authorization,
        'content-type': 'application/json',
      });
      // A call that came through tells that the lab is back.
      if (stream?.connected === false) stream.wake();
      return response as MethodOutput<Name>;
    },
    subscribe<Name extends EventName>(name: Name, listener: (payload: LabEvents[Name]) => void) {
      return listen(listeners, (message: EventMessage) => {
        if (message.name === name) listener(message.payload as LabEvents[Name]);
      });
    },
    onConnection(listener) {
      // A listener of its own for each call: the same function may listen twice.
      const own = (connected: boolean): void => listener(connected);
      const end = listen(connectionListeners, own);
      listener(stream?.connected ?? false);
      return end;
    },
    close() {
      listeners.clear();
      connectionListeners.clear();
      stream?.close();
      stream = null;
    },
  };
}

async function call(
  options: HttpClientOptions,
  url: string,
  body: string,
  headers: Record<string, string>,
): Promise<unknown> {
  const abort = createAbortController();
  const timer = startTimer(options.timeoutMs ?? 60_000, () => abort.abort());
  try {
    const response = await options.fetch(url, { method: 'POST', headers, body, signal: abort.signal });
    return await readAnswer(response);
  } catch (error) {
    if (error instanceof LabError) throw error;
    throw new LabError(
      'labUnreachable',
      abort.signal.aborted ? 'The lab did not answer in time.' : 'The lab cannot be reached.',
      'Check that NormLab still runs where it was started; this page connects again by itself.',
      error,
    );
  } finally {
    timer.cancel();
  }
}

/** @throws LabError as the lab sent it. */
export async function readAnswer(response: HttpResponse): Promise<unknown> {
  const text = await response.text();
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = null;
  }
  if (isRecord(answer)) {
    if (response.ok && 'result' in answer) return answer['result'];
    const error = answer['error'];
    if (isLabErrorData(error)) throw LabError.from(error);
  }
  throw new LabError(
    'labUnreachable',
    `Something that is not this lab answered with status ${response.status}.`,
    'Open the address that NormLab printed when it was started.',
    text.slice(0, 500),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isLabErrorData(value: unknown): value is LabErrorData {
  return (
    isRecord(value) &&
    (labErrorCodes as readonly unknown[]).includes(value['code']) &&
    typeof value['message'] === 'string' &&
    typeof value['hint'] === 'string'
  );
}

/** One listener that fails must not keep an event from the others; its error is reported as uncaught. */
function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    startTimer(0, () => {
      throw error;
    });
  }
}
