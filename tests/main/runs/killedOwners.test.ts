import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { expectedLosses, spendNight } from './killedOwners.ts';

it.runIf(process.platform !== 'win32')(
  'a queue whose owner is killed with all its trainers at random moments loses no run, doubles none, and ends as if nothing had been',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'normlab-night-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const night = await spendNight(directory, 60, 8, 7);
    expect(night.kills).toBe(8);
    expect(night.notices).toEqual([]);
    expect(night.runs.map(({ id }) => id)).toEqual(night.made);
    expect(night.runs.filter(({ state }) => state !== 'done')).toEqual([]);
    expect(night.runs.some(({ resumeCount }) => resumeCount > 0)).toBe(true);
    for (const run of night.runs) expect(night.losses.get(run.id)).toEqual(expectedLosses(run.document.seed));
  },
  300_000,
);
