import { describe, expect, it, onTestFinished } from 'vitest';
import { createTinyLabDirectory } from '../../lab/tinyLab.ts';
import { expectedLosses, spendNight, type Night } from './killedOwners.ts';

// A whole night: `node tests/main/runs/killedOwners.ts 500 50 SEED`.
describe.runIf(process.platform !== 'win32')('a night of queued runs', () => {
  it('loses none, doubles none and ends as if nothing had been, where main is killed with all trainers at random moments', async () => {
    const night = await spend(60, 8);
    expect(night.kills).toBe(8);
    expect(night.notices).toEqual([]);
    expect(night.runs.map(({ id }) => id)).toEqual(night.made);
    expect(night.runs.filter(({ state }) => state !== 'done')).toEqual([]);
    expect(night.runs.some(({ resumeCount }) => resumeCount > 0)).toBe(true);
    for (const run of night.runs) expect(night.losses.get(run.id)).toEqual(expectedLosses(run.document.seed));
  }, 300_000);

  it('leaves nothing of its runs in the memory of main', async () => {
    const [memory = []] = (await spend(120, 0)).memory;
    expect(memory).toHaveLength(120);
    // Compiled code and caches settle in the first runs.
    const settled = memory[39]?.heapBytes ?? NaN;
    const growthPerRun = ((memory.at(-1)?.heapBytes ?? NaN) - settled) / 80;
    // A curve that stays behind would be 10 kB at least.
    expect(growthPerRun).toBeLessThan(8000);
  }, 300_000);
});

async function spend(runCount: number, kills: number): Promise<Night> {
  const { directory, remove } = await createTinyLabDirectory();
  onTestFinished(remove);
  return spendNight(directory, runCount, kills, 7);
}
