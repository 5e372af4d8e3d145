import { describe, expect, it } from 'vitest';
import { addBatch, addEvaluation, countDueAfter, createProgress, isDue } from '#trainer/progress.ts';

describe('what is due', () => {
  it.each([
    [10, 3, [3, 6, 9, 10]],
    [10, 5, [5, 10]],
    [4, 100, [4]],
    [3, 1, [1, 2, 3]],
  ])('of %i steps every %i', (totalSteps, interval, expected) => {
    const steps = Array.from({ length: totalSteps }, (_, index) => index + 1);
    expect(steps.filter((step) => isDue(step, interval, totalSteps))).toEqual(expected);
    for (const step of [0, ...steps]) {
      expect(countDueAfter(step, interval, totalSteps), `after ${step}`).toBe(
        expected.filter((due) => due > step).length,
      );
    }
  });
});

describe('progress', () => {
  it('averages mini-batches from evaluation to evaluation and keeps the best', () => {
    const progress = createProgress();
    addBatch(progress, 2, 3);
    addBatch(progress, 1, 4);
    expect(addEvaluation(progress, { loss: 1.25, accuracy: 0.5 }, 5)).toEqual({ trainLoss: 1.5, trainAccuracy: 0.7 });
    addBatch(progress, 0.5, 5);
    expect(addEvaluation(progress, { loss: 1.5, accuracy: 0.75 }, 5)).toEqual({ trainLoss: 0.5, trainAccuracy: 1 });
    expect(progress).toMatchObject({
      interval: { steps: 0, lossSum: 0, correctCount: 0 },
      lastTrainLoss: 0.5,
      lastEvaluation: { trainLoss: 0.5, trainAccuracy: 1, validationLoss: 1.5, validationAccuracy: 0.75 },
      bestValidationLoss: 1.25,
      bestValidationAccuracy: 0.75,
    });
  });

  it('has no validation loss where it is not finite', () => {
    const progress = createProgress();
    addBatch(progress, 2, 3);
    addEvaluation(progress, { loss: Infinity, accuracy: 0.1 }, 5);
    expect(progress).toMatchObject({ lastEvaluation: { validationLoss: null }, bestValidationLoss: null });
  });
});
