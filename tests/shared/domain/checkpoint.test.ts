import { expect, test } from 'vitest';
import { judgeCheckpoints, stepsPerEpochOf } from '#shared/domain/checkpoint.ts';
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
