import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { testEngines } from '../../../engines.ts';
import type { SmallNetworkReport } from './trainSmallNetwork.ts';

const location = testEngines.find(({ name }) => name === 'tensorflow')?.location;
const run = promisify(execFile);

/** Trains in a process of its own; rejects where that does not end with status 0. */
async function train(
  mode: 'eager' | 'compiled',
  steps: number,
  { threads = null, freedSteps = 0 }: { threads?: number | null; freedSteps?: number } = {},
): Promise<SmallNetworkReport & { log: string }> {
  const { stdout, stderr } = await run(process.execPath, [
    path.join(import.meta.dirname, 'trainSmallNetwork.ts'),
    JSON.stringify({ ...location, threads }),
    mode,
    String(steps),
    String(freedSteps),
  ]);
  return { ...(JSON.parse(stdout) as SmallNetworkReport), log: stderr };
}

describe.runIf(location)('TensorFlow in processes of its own, where it is on this machine', () => {
  it.each(['eager', 'compiled'] as const)('gives the same bits in each, with several threads (%s)', async (mode) => {
    const first = await train(mode, 30, { threads: 4 });
    const second = await train(mode, 30, { threads: 4 });
    expect(first.lossBits).toHaveLength(30 * 8);
    expect(second.lossBits).toBe(first.lossBits);
  });

  it('keeps tensors and memory flat over 2,000 compiled steps, and over steps made and freed', async () => {
    const { memory, residentBytesOfSteps, lastLoss } = await train('compiled', 2000, { freedSteps: 100 });
    const [warm, ...later] = memory.slice(1);
    expect(later).toHaveLength(8);
    for (const { tensorCount, nativeHandleCount } of later) {
      expect({ tensorCount, nativeHandleCount }).toEqual({
        tensorCount: warm?.tensorCount,
        nativeHandleCount: warm?.nativeHandleCount,
      });
    }
    const megabyte = 2 ** 20;
    expect((later.at(-1)?.residentBytes ?? Infinity) - (warm?.residentBytes ?? 0)).toBeLessThan(24 * megabyte);
    expect(residentBytesOfSteps[1] - residentBytesOfSteps[0]).toBeLessThan(24 * megabyte);
    expect(lastLoss).toBeLessThan(0.5);
  });

  it('writes nothing of its own on standard error', async () => {
    expect((await train('compiled', 10)).log).toBe('');
  });
});
