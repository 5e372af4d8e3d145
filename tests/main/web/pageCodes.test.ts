import { expect, it } from 'vitest';
import { PageCodes } from '#main/web/pageCodes.ts';

it('takes each code once, within a minute, and of unused ones the latest sixteen', () => {
  let nowMs = 0;
  const codes = new PageCodes(() => nowMs);
  const code = codes.issue();
  expect(code).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(codes.redeem('A'.repeat(43))).toBe(false);
  expect([codes.redeem(code), codes.redeem(code)]).toEqual([true, false]);
  const [early, late] = [codes.issue(), codes.issue()];
  nowMs = 60_000;
  expect(codes.redeem(early)).toBe(true);
  nowMs = 60_001;
  expect(codes.redeem(late)).toBe(false);
  const many = Array.from({ length: 18 }, () => codes.issue());
  expect(many.map((each) => codes.redeem(each))).toEqual([false, false, ...Array<boolean>(16).fill(true)]);
});
