import { describe, expect, it } from 'vitest';
import { expandExperiment, hashComparison, parseExperimentDocument } from '#shared/domain/experiment.ts';
import { figureExperiment, type FigureOptions, type Reading } from '#shared/domain/figures/figure.ts';
import { figure2 } from '#shared/domain/figures/figure2.ts';
import { figures, findFigure } from '#shared/domain/figures/index.ts';
import { scales } from '#shared/domain/presets.ts';
import { durationInSteps, stepsPerEpoch } from '#shared/domain/trainingLength.ts';
import { scaledLearningRate } from '#shared/domain/learningRate.ts';
import type { RunDocument } from '#shared/domain/run.ts';

const cifar = { id: 'cifar-10', trainingImages: 50_000 };
const options = (changes: Partial<FigureOptions> = {}): FigureOptions => ({
  scale: 'laptop',
  reading: 'equal-epoch',
  dataset: cifar,
  ...changes,
});
const runsOf = (changes: Partial<FigureOptions> = {}): RunDocument[] =>
  expandExperiment(parseExperimentDocument(figureExperiment(figure2, options({ seeds: [1], ...changes })))).map(
    ({ document }) => document,
  );
/** Steps of the whole run, between evaluations, and of the warm-up. */
const stepsOf = (run: RunDocument): [number, number, number] => {
  const epochSteps = stepsPerEpoch(run.dataset.trainingImages ?? cifar.trainingImages, run.batchSize);
  const { unit, value } = run.warmUp;
  const warmUp = Math.round(unit === 'steps' ? value : value * epochSteps);
  return [durationInSteps(run.length, epochSteps), durationInSteps(run.evaluation.every, epochSteps), warmUp];
};

describe('every figure', () => {
  it.each(figures.map((figure) => [figure.id, figure] as const))(
    '%s makes valid runs by every reading',
    (_, figure) => {
      for (const scale of scales) {
        for (const reading of ['equal-epoch', 'equal-step'] satisfies Reading[]) {
          const document = figureExperiment(
            figure,
            options({ scale, reading, dataset: { ...cifar, id: figure.datasetId } }),
          );
          const experiment = parseExperimentDocument(document);
          // Claims about groups that are not there throw.
          expect(expandExperiment(experiment)).toHaveLength(figure.groups.length * experiment.seeds.length);
        }
      }
      expect(findFigure(figure.id)).toBe(figure);
    },
  );

  it('has an id of its own; another is none', () => {
    expect(new Set(figures.map(({ id }) => id)).size).toBe(figures.length);
    expect(() => findFigure('fig0')).toThrow(/no figure “fig0”/);
  });
});

describe('figure 2', () => {
  it('compares BN at 64 and 256 with PN at 256, with and without gamma decay for 64', () => {
    expect(runsOf().map(({ method, batchSize }) => [method.id, batchSize])).toEqual([
      ['batchNorm', 64],
      ['batchNorm', 256],
      ['populationNorm', 256],
      ['populationNormGammaDecay', 256],
    ]);
    expect(runsOf()[3]?.method).toMatchObject({ targetBatchSize: 64, strength: 1, coefficient: 'adaptive' });
    expect(runsOf().map(scaledLearningRate)).toEqual([0.05, 0.2, 0.2, 0.2]);
    expect(runsOf()[0]?.schedule).toMatchObject({ id: 'perStepDecay', decayPerStep: 1e-4 });
  });

  it('trains as many epochs, or as many steps, at both batch sizes', () => {
    // 10 000 images are 156 full batches of 64, or 39 of 256.
    expect(runsOf().map(stepsOf)).toEqual([[1248, 156, 156], ...[0, 1, 2].map(() => [312, 39, 39])]);
    expect(runsOf({ reading: 'equal-step' }).map(stepsOf)).toEqual([0, 1, 2, 3].map(() => [1248, 156, 156]));
    // The paper's 60 000 steps are 76.8 epochs at 64: 781 steps each, and 195 at 256.
    expect(runsOf({ scale: 'paper' }).map(stepsOf)).toEqual([
      [60_000, 781, 0],
      ...[0, 1, 2].map(() => [Math.round((60_000 / 781) * 195), 195, 0]),
    ]);
    expect(runsOf({ scale: 'paper', reading: 'equal-step' }).map(stepsOf)).toEqual(
      [0, 1, 2, 3].map(() => [60_000, 781, 0]),
    );
  });

  it('takes settings for all runs, and a method’s for the methods that have them', () => {
    const runs = runsOf({
      settings: [
        { key: 'length', value: '2epochs' },
        { key: 'execution.precision', value: 'bfloat16' },
        { key: 'dataset.trainingImages', value: 6400 },
        { key: 'method.images', value: 1000 },
        { key: 'method.strength', value: 4 },
        { key: 'method.targetBatchSize', value: 32 },
      ],
    });
    expect(runs.map(stepsOf)).toEqual([[200, 100, 100], ...[0, 1, 2].map(() => [50, 25, 25])]);
    expect(new Set(runs.map(({ execution }) => execution.precision))).toEqual(new Set(['bfloat16']));
    expect(runs[0]?.method).toEqual(runsOf()[0]?.method);
    expect(runs[2]?.method).toMatchObject({ id: 'populationNorm', images: 1000 });
    expect(runs[3]?.method).toMatchObject({ images: 1000, strength: 4, targetBatchSize: 32 });
  });

  it.each([
    ['batchSize', 8, /“batchSize” is what Figure 2 compares/],
    ['method', 'none', /“method” is what Figure 2 compares/],
    ['method.magic', 1, /None of the compared methods/],
    ['method.images', { a: 1 }, /not one value/],
    ['seed', 3, /“seed” is not set by --set/],
    ['dataset.id', 'x', /“dataset.id” is not set by --set/],
  ])('refuses to set %s', (key, value, message) => {
    expect(() => runsOf({ settings: [{ key, value }] })).toThrow(message);
  });

  it('is found again by what it compares, whatever its seeds', () => {
    const hash = (changes: Partial<FigureOptions> = {}): string =>
      hashComparison(parseExperimentDocument(figureExperiment(figure2, options(changes))));
    expect(hash({ seeds: [7] })).toBe(hash());
    expect(hash({ reading: 'equal-step' })).not.toBe(hash());
    expect(hash({ scale: 'paper' })).not.toBe(hash());
    expect(hash({ settings: [{ key: 'method.images', value: 1000 }] })).not.toBe(hash());
  });
});
