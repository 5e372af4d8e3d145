import { createHash, randomBytes } from 'node:crypto';

/** Until a browser that was just started has loaded the page. */
const lifetimeMs = 60_000;
/** Of codes that nobody redeems; the oldest go. */
const maximumCodes = 16;

/**
 * Codes that bring a page to the session's token, each once and soon. A browser is told which page to open by its
 * command line, which everyone on a shared machine can read for as long as it runs: the token must not be there.
 */
export class PageCodes {
  readonly #expiresAtMs = new Map<string, number>();
  readonly #now: () => number;

  /** @param now Clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  issue(): string {
    const code = randomBytes(32).toString('base64url');
    this.#expiresAtMs.set(digest(code), this.#now() + lifetimeMs);
    for (const oldest of [...this.#expiresAtMs.keys()].slice(0, -maximumCodes)) this.#expiresAtMs.delete(oldest);
    return code;
  }

  /** True once for each code, in its time. */
  redeem(code: string): boolean {
    const key = digest(code);
    const expiresAtMs = this.#expiresAtMs.get(key);
    this.#expiresAtMs.delete(key);
    return expiresAtMs !== undefined && this.#now() <= expiresAtMs;
  }
}

/** Looking up a digest takes no time that tells anything of the codes. */
function digest(code: string): string {
  return createHash('sha256').update(code).digest('base64');
}
