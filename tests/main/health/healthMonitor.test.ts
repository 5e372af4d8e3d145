import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HealthMonitor } from '#main/health/healthMonitor.ts';
import type { MachineHealth } from '#shared/domain/machineHealth.ts';
import { exampleHealth } from './exampleHealth.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A monitor whose readings are numbered by their free disk, and how many it took. */
function open(fail: (reading: number) => boolean = () => false) {
  let count = 0;
  const monitor = new HealthMonitor(
    () => {
      count += 1;
      return fail(count)
        ? Promise.reject(new Error('broken'))
        : Promise.resolve({ ...exampleHealth, diskFreeBytes: count });
    },
    { intervalMs: 5000, now: () => Date.now() },
  );
  const seen: (number | null)[] = [];
  monitor.observe((health: MachineHealth) => seen.push(health.diskFreeBytes));
  return { monitor, seen, count: () => count };
}

it('reads while it is held, by however many, and not a moment longer', async () => {
  const { monitor, seen, count } = open();
  expect(monitor.latest).toBeNull();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(count()).toBe(0);
  const [release, releaseOther] = [monitor.hold(), monitor.hold()];
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen).toEqual([1, 2, 3]);
  release();
  release();
  await vi.advanceTimersByTimeAsync(5000);
  expect(monitor.latest?.diskFreeBytes).toBe(4);
  releaseOther();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(count()).toBe(4);
});

it('reads for whoever asks: once for all at the same time, and anew where the latest is old', async () => {
  const { monitor, count } = open();
  const both = await Promise.all([monitor.read(), monitor.read()]);
  expect(both.map(({ diskFreeBytes }) => diskFreeBytes)).toEqual([1, 1]);
  await vi.advanceTimersByTimeAsync(4999);
  expect((await monitor.read()).diskFreeBytes).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect((await monitor.read()).diskFreeBytes).toBe(2);
  expect(count()).toBe(2);
});

it('goes on where a reading fails', async () => {
  const { monitor, seen } = open((reading) => reading === 2);
  const release = monitor.hold();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen).toEqual([1, 3]);
  release();
});
