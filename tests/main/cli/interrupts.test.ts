import { afterEach, expect, it, vi } from 'vitest';
import { onInterrupts } from '#main/cli/interrupts.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('counts one Ctrl+C once, however often it arrives, and a later one as the second', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const [first, again] = [vi.fn(), vi.fn()];
  const end = onInterrupts(first, again);
  process.emit('SIGINT', 'SIGINT');
  vi.advanceTimersByTime(20);
  process.emit('SIGINT', 'SIGINT');
  expect([first.mock.calls.length, again.mock.calls.length]).toEqual([1, 0]);
  vi.advanceTimersByTime(500);
  process.emit('SIGINT', 'SIGINT');
  expect([first.mock.calls.length, again.mock.calls.length]).toEqual([1, 1]);
  end();
});
