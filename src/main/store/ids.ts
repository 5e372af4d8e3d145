import { randomInt } from 'node:crypto';

/** Crockford's base 32: no i, l, o, u, which are misread. */
const digits = '0123456789abcdefghjkmnpqrstvwxyz';
const timeDigits = 9;
const tailDigits = 4;
const tailCount = digits.length ** tailDigits;

function encode(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / digits.length)) {
    text = (digits[rest % digits.length] ?? '') + text;
  }
  return text;
}

/** Time in an id of ours, milliseconds since 1970; NaN in any other text. */
function decodeTime(id: string): number {
  if (id.length !== timeDigits + tailDigits) return Number.NaN;
  let ms = 0;
  for (const digit of id.slice(0, timeDigits)) {
    const value = digits.indexOf(digit);
    if (value < 0) return Number.NaN;
    ms = ms * digits.length + value;
  }
  return ms;
}

/** Ids from further ahead than this, ten years, come from a clock that was wrong: nothing follows them. */
const trustedAheadMs = 10 * 365 * 24 * 3_600_000;

export interface IdGenerator {
  (): string;
  /** Makes all later ids ascend from this one too: of an earlier session, when the clock may have been ahead. */
  follow(id: string): void;
}

/**
 * Makes ids of 13 characters in order of time: nine for the milliseconds since 1970, four that start
 * at random in each millisecond and count up within it. Ids of one generator ascend, whatever the
 * clock does.
 */
export function createIdGenerator(
  now: () => number = Date.now,
  randomTail: () => number = () => randomInt(tailCount / 2),
): IdGenerator {
  let lastMs = -1;
  let tail = 0;
  const next = (): string => {
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      tail = randomTail();
    } else {
      tail += 1;
      if (tail === tailCount) {
        lastMs += 1;
        tail = randomTail();
      }
    }
    return encode(lastMs, timeDigits) + encode(tail, tailDigits);
  };
  const follow = (id: string): void => {
    const ms = decodeTime(id);
    // The next millisecond, whatever its tail.
    if (ms >= lastMs && ms < now() + trustedAheadMs) {
      lastMs = ms + 1;
      tail = randomTail();
    }
  };
  return Object.assign(next, { follow });
}

/** The program's generator of experiment and run ids. */
export const createId = createIdGenerator();
