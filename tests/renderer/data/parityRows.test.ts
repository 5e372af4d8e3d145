import { describe, expect, it } from 'vitest';
import type { ParityReport } from '#shared/contract.ts';
import { parityRows } from '../../../src/renderer/data/parityRows.ts';

type ParityRecord = ParityReport['records'][number];
const record = (fixture: string, change: Partial<ParityRecord>): ParityRecord => ({
  fixture,
  mode: 'eager',
  operations: 'composed',
  ok: true,
  measures: [],
  problem: null,
  ...change,
});
const rowsOf = (records: ParityRecord[]) =>
  parityRows({ path: '/runs', engine: 'Engine', checkedAt: '2026-01-01T00:00:00.000Z', ok: false, records });

describe('parityRows', () => {
  it('puts the ways of computing together, with the error nearest to its tolerance', () => {
    const rows = rowsOf([
      record('a', { measures: [{ kind: 'lossAbs', error: 1e-6, tolerance: 1e-5 }] }),
      record('a', {
        mode: 'compiled',
        measures: [
          { kind: 'updateRel', error: 1e-4, tolerance: 2e-4 },
          { kind: 'evalAccuracyAbs', error: 0, tolerance: 0 },
        ],
      }),
      record('b', {}),
    ]);
    expect(rows.map(({ fixture, ok, worst }) => [fixture, ok, worst?.kind])).toEqual([
      ['a', true, 'updateRel'],
      ['b', true, undefined],
    ]);
  });

  it('takes what is no number, and what exceeds no tolerance at all, for worst', () => {
    const [notANumber, accuracy] = rowsOf([
      record('a', {
        ok: false,
        measures: [
          { kind: 'lossAbs', error: 1, tolerance: 1e-5 },
          { kind: 'updateRel', error: null, tolerance: 2e-4 },
        ],
      }),
      record('b', {
        ok: false,
        problem: 'It is cut.',
        measures: [
          { kind: 'lossAbs', error: 1, tolerance: 1e-5 },
          { kind: 'evalAccuracyAbs', error: 0.1, tolerance: 0 },
        ],
      }),
    ]);
    expect(notANumber).toMatchObject({ ok: false, worst: { kind: 'updateRel' } });
    expect(accuracy).toMatchObject({ ok: false, worst: { kind: 'evalAccuracyAbs' }, problem: 'It is cut.' });
  });
});
