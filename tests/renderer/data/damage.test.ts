import { expect, it } from 'vitest';
import { describeDamage } from '../../../src/renderer/data/damage.ts';

const error = (message: string) => ({ code: 'labDamaged', message, hint: 'Restore.' }) as const;

it('says in one notice which curves cannot be read', () => {
  expect(describeDamage([{ label: 'BN', error: null }])).toBeNull();
  const curves = ['a', 'b', 'c', 'd', 'e'].map((label) => ({ label, error: error(`Series of ${label}.`) }));
  expect(describeDamage([{ label: 'whole', error: null }, ...curves.slice(0, 1)])).toMatchObject({
    code: 'labDamaged',
    message: expect.stringMatching(/^What was recorded of “a” is damaged/) as string,
    cause: 'Series of a.',
  });
  expect(describeDamage(curves)).toMatchObject({
    message: expect.stringMatching(/“a”, “b”, “c”, 2 more is damaged/) as string,
    cause: expect.stringMatching(/^Series of a\.\n.*Series of e\.$/s) as string,
  });
});
