import { describe, expect, it } from 'vitest';
import { trainWithKills } from './killedTraining.ts';

// With other seeds: `node tests/main/runs/killedTraining.ts 25 SEED`.
const kills = 25;
const seed = 20190507;

describe.runIf(process.platform !== 'win32')(
  'a run that is killed at random moments, also inside checkpoint writes',
  () => {
    it.each(['trainer', 'application'] as const)(
      'with its %s ends as if nothing had been, to the bit',
      async (victim) => {
        const { moments, killedInWrites, resumeCount, notices, unbroken, broken } = await trainWithKills(
          victim,
          kills,
          seed,
        );
        console.log(
          `Kills of the ${victim}, seed ${seed}: ${killedInWrites.length} of ${moments.length} inside writes.`,
        );
        expect(killedInWrites).toHaveLength(moments.filter(({ kind }) => kind === 'write').length);
        expect(resumeCount).toBe(kills);
        expect(notices).toEqual([]);
        expect(unbroken.state).toBe('done');
        expect(broken).toEqual(unbroken);
        expect(Object.keys(unbroken.curves)).toContain('validation/loss');
      },
      600_000,
    );
  },
);
