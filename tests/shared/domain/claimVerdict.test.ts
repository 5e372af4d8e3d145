import { describe, expect, it } from 'vitest';
import type { Claim } from '#shared/domain/claim.ts';
import { describeLeftOut, judgeClaims, pairRuns, type MeasuredRun } from '#shared/domain/claimVerdict.ts';

function runsOf(label: string, values: readonly (number | null)[], metric = 'validation/loss'): MeasuredRun[] {
  return values.map((value, index) => ({
    id: `${label}-${index + 1}`,
    label,
    seed: index + 1,
    state: 'done',
    values: { [metric]: value },
  }));
}

const claimOf = (id: string, ...parts: Partial<Claim['parts'][number]>[]): Claim => ({
  id,
  figure: 'Figure 0',
  text: 'A is above B.',
  parts: parts.map((part) => ({
    metric: 'validation/loss',
    left: 'A',
    right: 'B',
    expected: { relation: 'greater' },
    ...part,
  })),
});

describe('pairs', () => {
  it('are made by seed, whatever the order', () => {
    const runs = [...runsOf('A', [3, 4]).toReversed(), ...runsOf('B', [1, 1.5]), ...runsOf('C', [9])];
    expect(pairRuns(runs, 'validation/loss', 'A', 'B')).toEqual({
      pairs: [
        { seed: 1, leftRunId: 'A-1', rightRunId: 'B-1', left: 3, right: 1, difference: 2 },
        { seed: 2, leftRunId: 'A-2', rightRunId: 'B-2', left: 4, right: 1.5, difference: 2.5 },
      ],
      leftOut: [],
    });
  });

  it('have no difference where there is only rounding', () => {
    const runs = [...runsOf('A', [0.1 + 0.2]), ...runsOf('B', [0.3])];
    expect(pairRuns(runs, 'validation/loss', 'A', 'B').pairs[0]?.difference).toBe(0);
  });

  it('name every seed that is left out, and why', () => {
    const [first, second, third, fourth, fifth, sixth] = runsOf('A', [1, 2, 3, 4, null, 6]);
    if (!first || !second || !third || !fourth || !fifth || !sixth) throw new Error('There are six.');
    const runs: MeasuredRun[] = [
      // It has a finite value from before it diverged, which must not count.
      { ...first, state: 'diverged' },
      { ...second, state: 'stopped' },
      { ...third, state: 'failed' },
      fourth,
      fifth,
      { ...sixth, values: {} },
      ...runsOf('B', [1, 2, 3]),
      ...runsOf('B', [0, 0, 0, 0, Number.POSITIVE_INFINITY, 1]).slice(4),
    ];
    const { pairs, leftOut } = pairRuns(runs, 'validation/loss', 'A', 'B');
    expect(pairs).toEqual([]);
    expect(leftOut.map((seed) => describeLeftOut(seed, (label) => label))).toEqual([
      'Seed 1 is left out: A diverged.',
      'Seed 2 is left out: A has not come to its end.',
      'Seed 3 is left out: A failed.',
      'Seed 4 is left out: B has no run.',
      'Seed 5 is left out: A has no finite final value; B has no finite final value.',
      'Seed 6 is left out: A has no finite final value.',
    ]);
    expect(leftOut[3]?.problems).toEqual([{ label: 'B', runId: null, problem: 'missing' }]);
  });
});

describe('claims', () => {
  const above = [
    ...runsOf('A', [2.21, 2.18, 2.35, 2.27, 2.3]),
    ...runsOf('B', [2, 2, 2, 2, 2]),
    ...runsOf('C', [2.01, 1.99, 2, 2.02, 1.98]),
  ];

  it('are judged by the pairs that there are', () => {
    const [verdict] = judgeClaims([claimOf('above', {})], above);
    expect(verdict).toMatchObject({ id: 'above', text: 'A is above B.', verdict: 'supported' });
    // Mean and probability as in paired.py, sample “clear”.
    expect(verdict?.parts[0]?.mean).toBeCloseTo(0.262, 10);
    expect(verdict?.parts[0]?.probability).toBeCloseTo(0.001_016_804_344, 8);
    expect(verdict?.parts[0]).toMatchObject({ count: 5, leftOut: [], reason: null });

    const four = above.map((run) => (run.id === 'A-5' ? { ...run, state: 'diverged' as const } : run));
    expect(judgeClaims([claimOf('above', {})], four)[0]?.parts[0]).toMatchObject({
      count: 4,
      leftOut: [{ seed: 5, problems: [{ label: 'A', runId: 'A-5', problem: 'diverged' }] }],
    });
  });

  it('need every part', () => {
    const parts = [{}, { expected: { relation: 'less' as const } }, { left: 'C', right: 'B' }];
    const verdicts = [[parts[0]], [parts[0], parts[1]], [parts[0], parts[2]]].map((chosen, index) =>
      claimOf(`c${index}`, ...chosen.map((part) => part ?? {})),
    );
    expect(judgeClaims(verdicts, above).map(({ verdict }) => verdict)).toEqual([
      'supported',
      'contradicted',
      'inconclusive',
    ]);
  });

  it('are inconclusive with a reason where one seed or none makes a pair', () => {
    const one = above.filter(({ seed }) => seed === 1);
    expect(judgeClaims([claimOf('above', {})], one)[0]).toMatchObject({
      verdict: 'inconclusive',
      adjustedVerdict: 'inconclusive',
      parts: [{ count: 1, adjustedProbability: null, reason: expect.stringMatching(/at least two seeds/) as string }],
    });
    const equal = [...runsOf('A', [0.3, 0.8]), ...runsOf('B', [0.1, 0.6])];
    expect(judgeClaims([claimOf('above', {})], equal)[0]).toMatchObject({
      verdict: 'inconclusive',
      parts: [{ count: 2, reason: expect.stringMatching(/same difference/) as string }],
    });
    expect(judgeClaims([claimOf('above', {})], [])[0]?.parts[0]).toMatchObject({
      verdict: 'inconclusive',
      reason: expect.stringMatching(/no seed/) as string,
    });
  });

  it('are adjusted over the parts of all, and judged by each alone', () => {
    // p is 0.0230 by itself; with a second part its Holm-adjusted value is 0.0461, with a third 0.0691.
    const unclear = [
      ...runsOf('A', [-0.012, -0.009, -0.02, -0.001, -0.016]),
      ...runsOf('B', [0, 0, 0, 0, 0]),
      ...runsOf('C', [0.05, -0.04, 0.09, 0.02, -0.01]),
    ];
    const below = claimOf('below', { expected: { relation: 'less' } });
    const other = claimOf('other', { left: 'C' });
    const adjusted = (claims: Claim[]): unknown[] =>
      judgeClaims(claims, unclear).map(({ verdict, adjustedVerdict, parts }) => [
        verdict,
        adjustedVerdict,
        parts[0]?.adjustedProbability?.toFixed(4),
      ]);
    expect(adjusted([below])).toEqual([['supported', 'supported', '0.0230']]);
    expect(adjusted([below, other])).toEqual([
      ['supported', 'supported', '0.0461'],
      ['inconclusive', 'inconclusive', '0.3868'],
    ]);
    expect(adjusted([other, below, { ...other, id: 'third' }])[1]).toEqual(['supported', 'inconclusive', '0.0691']);
  });

  it('of equality are judged within their margin', () => {
    const runs = [...runsOf('A', [-0.012, -0.009, -0.02, -0.001, -0.016]), ...runsOf('B', [0, 0, 0, 0, 0])];
    const within = (margin: number): string | undefined =>
      judgeClaims([claimOf('equal', { expected: { relation: 'equal', margin } })], runs)[0]?.verdict;
    expect([within(0.05), within(0.01), within(0.001)]).toEqual(['supported', 'inconclusive', 'contradicted']);
  });
});
