/**
 * The few things of the web platform that browsers and Node share and that transports need, in their
 * smallest form: `shared` knows neither of the two.
 */
export interface StreamReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

export interface HttpResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly body: { getReader(): StreamReader } | null;
  text(): Promise<string>;
}

/** To be passed on to `fetch` as it is. */
export interface Signal {
  readonly aborted: boolean;
}

export interface HttpRequest {
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  signal: Signal;
}

export type HttpFetch = (url: string, request: HttpRequest) => Promise<HttpResponse>;

// The runtime's own, declared in this module only.
declare function setTimeout(callback: () => void, milliseconds: number): unknown;
declare function clearTimeout(timer: unknown): void;
declare class AbortController {
  readonly signal: Signal;
  abort(): void;
}
declare class TextDecoder {
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string;
}

export type Timer = { cancel(): void };

export function startTimer(milliseconds: number, callback: () => void): Timer {
  const timer = setTimeout(callback, milliseconds);
  return { cancel: () => clearTimeout(timer) };
}

export function createAbortController(): { readonly signal: Signal; abort(): void } {
  return new AbortController();
}

/**
 * The lines of a byte stream as text, without their ends; a last line that was cut off is left out.
 * @param onBytes Called whenever something arrives.
 */
export async function* readLines(reader: StreamReader, onBytes: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    const pieces = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = pieces.pop() ?? '';
    yield* pieces;
  }
}
