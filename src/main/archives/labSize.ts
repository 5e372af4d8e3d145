import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A size that was told a moment ago is told again. */
const freshMs = 60_000;

/** The bytes of everything in a lab's folder, which may hold very many files: looked at one by one, once for all who ask. */
export class LabSize {
  readonly #directory: string;
  readonly #now: () => number;
  #measuring: Promise<number> | null = null;
  #measured = { bytes: 0, at: -Infinity };

  /** @param now Clock in milliseconds. */
  constructor(directory: string, now: () => number = () => performance.now()) {
    this.#directory = directory;
    this.#now = now;
  }

  async read(): Promise<number> {
    if (this.#now() - this.#measured.at < freshMs) return this.#measured.bytes;
    this.#measuring ??= sumFolder(this.#directory)
      .then((bytes) => {
        this.#measured = { bytes, at: this.#now() };
        return bytes;
      })
      .finally(() => (this.#measuring = null));
    return this.#measuring;
  }
}

async function sumFolder(directory: string): Promise<number> {
  let sum = 0;
  // Of what goes away meanwhile, or cannot be read, nothing is counted.
  const entries = await opendir(directory).catch(() => null);
  if (entries === null) return 0;
  for await (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) sum += await sumFolder(path);
    else if (entry.isFile()) sum += (await stat(path).catch(() => null))?.size ?? 0;
  }
  return sum;
}
