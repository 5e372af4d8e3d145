import { expect, test } from 'vitest';
import { judgeCheckpoints, mostCheckpointsKept, stepsPerEpochOf } from '#shared/domain/checkpoint.ts';
import { parseRunDocument } from '#shared/domain/run.ts';

const recordAt = (step: number) => ({ runId: 'run', step, file: `/step-${step}`, bytes: 1, createdAt: '' });
const records = [40, 30, 20, 10].map(recordAt);
const rule = (changes: object) => parseRunDocument({ dataset: { id: 'x' }, checkpoints: changes }).checkpoints;

test('by default the last two and the best are kept, the earliest of equal ones', () => {
  const losses = new Map([
    [10, 0.5],
    [20, 0.5],
    [25, 0.1],
    [40, 0.7],
  ]);
  expect(
    judgeCheckpoints(records, rule({}), losses, 10).map(({ step, validationLoss, reasons }) => [
      step,
      validationLoss,
      reasons.join(),
    ]),
  ).toEqual([
    [40, 0.7, 'last'],
    [30, null, 'last'],
    [20, 0.5, ''],
    [10, 0.5, 'best'],
  ]);
});

test('without a finite loss none is the best', () => {
  for (const losses of [new Map<number, number>(), new Map([[20, NaN]]), new Map([[20, Infinity]])]) {
    expect(judgeCheckpoints(records, rule({ keepLast: 1 }), losses, 10).flatMap(({ reasons }) => reasons)).toEqual([
      'last',
    ]);
  }
});

test('multiples of epochs need the steps of an epoch', () => {
  const every = rule({ keepLast: 1, keepBest: false, keepEvery: { unit: 'epochs', value: 2 } });
  const keptWith = (epochSteps: number | null): number[] =>
    judgeCheckpoints(records, every, new Map(), epochSteps)
      .filter(({ reasons }) => reasons.includes('every'))
      .map(({ step }) => step);
  expect(keptWith(10)).toEqual([40, 20]);
  expect(keptWith(5)).toEqual([40, 30, 20, 10]);
  expect(keptWith(null)).toEqual([]);
});

test('steps of an epoch follow from how far a run is', () => {
  for (const epochSteps of [1, 7, 781, 12_345]) {
    for (const step of [1, 3, 780, 99_999])
      expect(stepsPerEpochOf({ step, epoch: step / epochSteps })).toBe(epochSteps);
  }
  expect(stepsPerEpochOf(null)).toBeNull();
  expect(stepsPerEpochOf({ step: 0, epoch: 0 })).toBeNull();
});

test.each([
  { changes: {}, totalSteps: 100, expected: 3 },
  { changes: {}, totalSteps: 15, expected: 2 },
  { changes: { keepBest: false }, totalSteps: 100, expected: 2 },
  { changes: { keepLast: 1, keepEvery: { unit: 'epochs', value: 2 } }, totalSteps: 100, expected: 7 },
  // Checkpoints at 4, 8, …, 40, of which 12, 24 and 36 are multiples of 6; the last one is at 42, a multiple too.
  {
    changes: { every: { unit: 'steps', value: 4 }, keepEvery: { unit: 'steps', value: 6 } },
    totalSteps: 42,
    expected: 7,
  },
])('a run of $totalSteps steps keeps at most $expected with $changes', ({ changes, totalSteps, expected }) => {
  const checkpoints = rule(changes);
  const length = { stepsPerEpoch: 10, totalSteps };
  expect(mostCheckpointsKept(checkpoints, length)).toBe(expected);
  // The rule itself, applied after each checkpoint with the first one as the best, never keeps more.
  const interval = checkpoints.every.unit === 'steps' ? checkpoints.every.value : 10 * checkpoints.every.value;
  const steps = Array.from({ length: totalSteps }, (_, index) => index + 1).filter(
    (step) => step % interval === 0 || step === totalSteps,
  );
  let kept: number[] = [];
  let most = 0;
  for (const step of steps) {
    const judged = judgeCheckpoints([step, ...kept].map(recordAt), checkpoints, new Map([[steps[0] ?? 0, 0]]), 10);
    kept = judged.filter(({ reasons }) => reasons.length > 0).map((checkpoint) => checkpoint.step);
    most = Math.max(most, kept.length);
  }
  expect(most).toBeLessThanOrEqual(expected);
  expect(most).toBeGreaterThanOrEqual(expected - 2);
});
