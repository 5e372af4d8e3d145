import type { LabErrorData } from '#shared/errors.ts';

/** Text streams of a command; those of the process, or of a test. */
export interface CommandStreams {
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
}

/**
 * What a command says. With `--json` stdout carries JSON only: one value, or one object a line
 * where there is progress; everything for people goes to stderr.
 */
export class CommandOutput {
  readonly json: boolean;
  readonly #streams: CommandStreams;
  readonly #broken = new Set<NodeJS.WritableStream>();

  constructor(streams: CommandStreams, json: boolean) {
    this.#streams = streams;
    this.json = json;
    for (const stream of [streams.stdout, streams.stderr]) {
      // A reader that has seen enough (`| head`) is no failure; what it does not read is dropped.
      stream.on('error', (error: NodeJS.ErrnoException) => {
        this.#broken.add(stream);
        // EIO: the terminal was closed.
        if (!['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED'].includes(error.code ?? '')) throw error;
      });
    }
  }

  /** True where a progress bar may be redrawn in place. */
  get interactive(): boolean {
    return !this.json && this.#streams.stderr.isTTY === true;
  }

  get columns(): number {
    return this.#streams.stderr.columns ?? 80;
  }

  /** The result: the value with `--json`, else the text. */
  result(value: unknown, text: string): void {
    if (this.json) this.#write(this.#streams.stdout, `${JSON.stringify(value)}\n`);
    else if (text !== '') this.#write(this.#streams.stdout, `${text}\n`);
  }

  /** One line of progress with `--json`; nothing otherwise. */
  event(value: { type: string } & Record<string, unknown>): void {
    if (this.json) this.#write(this.#streams.stdout, `${JSON.stringify(value)}\n`);
  }

  /** A line for people. */
  note(text: string): void {
    this.#write(this.#streams.stderr, `${text}\n`);
  }

  /** Raw text for people: a progress bar that is redrawn. */
  draw(text: string): void {
    this.#write(this.#streams.stderr, text);
  }

  /** A failure: what happened and what to do; the cause only where it is asked for. */
  error(error: LabErrorData, showCause: boolean): void {
    const { cause, ...said } = error;
    if (this.json) this.event({ type: 'error', error: said });
    else this.note(`${error.message}\n${error.hint}`);
    if (showCause && cause !== undefined) this.note(cause);
  }

  #write(stream: NodeJS.WritableStream, text: string): void {
    if (!this.#broken.has(stream)) stream.write(text);
  }
}
