/** The last lines of a stream of text, bounded in number and length. */
export class BoundedLog {
  readonly #lines: string[] = [];
  readonly #maximumLines: number;
  readonly #maximumLineLength: number;
  #rest = '';

  constructor(maximumLines = 200, maximumLineLength = 2000) {
    this.#maximumLines = maximumLines;
    this.#maximumLineLength = maximumLineLength;
  }

  write(text: string): void {
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = (lines.pop() ?? '').slice(0, this.#maximumLineLength);
    for (const line of lines) {
      if (line.trim() !== '') this.#lines.push(line.slice(0, this.#maximumLineLength));
    }
    if (this.#lines.length > this.#maximumLines) this.#lines.splice(0, this.#lines.length - this.#maximumLines);
  }

  /** The last `count` lines, oldest first. */
  last(count: number): string[] {
    const lines = this.#rest.trim() === '' ? this.#lines : [...this.#lines, this.#rest];
    return lines.slice(-count);
  }
}
