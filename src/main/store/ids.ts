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

/**
 * Makes ids of 13 characters in order of time: nine for the milliseconds since 1970, four that start
 * at random in each millisecond and count up within it. Ids of one generator ascend, whatever the
 * clock does.
 */
export function createIdGenerator(
  now: () => number = Date.now,
  randomTail: () => number = () => randomInt(tailCount / 2),
): () => string {
  let lastMs = -1;
  let tail = 0;
  return () => {
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
}

/** The program's generator of experiment and run ids. */
export const createId = createIdGenerator();
