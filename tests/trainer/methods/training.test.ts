import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diagnosticGroups } from '#shared/domain/diagnostics.ts';
import { methodIds } from '#shared/domain/methods/index.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { testEngines } from '../../engines.ts';
import { createTinyLab, type TinyLab } from '../tinyDataset.ts';
import { runTraining, splitSeries, tinyDocument } from '../trainHarness.ts';

/** Parameters that fit the tiny data and network: 2 channels, 44 images. */
const settings: Partial<Record<string, Record<string, unknown>>> = {
  groupNorm: { groups: 2 },
  weightStandardization: { groups: 2 },
  ghostBatchNorm: { ghostSize: 2 },
  populationNorm: { images: 8, subset: 'rotating', refreshEvery: 3 },
  populationNormGammaDecay: { images: 8 },
  weightNorm: { gammaDecay: 0.01 },
};

const best = testEngines.findLast(({ location }) => location !== null)?.location ?? { kind: 'javascript' as const };

describe('every method', () => {
  let engine: Engine;
  let lab: TinyLab;
  beforeAll(async () => {
    lab = await createTinyLab();
    engine = await openEngine(best);
  });
  afterAll(async () => {
    engine.dispose();
    await lab.remove();
  });

  it.each(methodIds)('%s trains, stops and goes on as if it had not stopped', async (id) => {
    const diagnostics = { groups: [...diagnosticGroups], every: { unit: 'steps', value: 6 }, images: 12 };
    const document = tinyDocument({ method: { id, ...settings[id] }, diagnostics });
    const whole = await runTraining(engine, lab, document, { checkpoints: `${id}-whole` });
    expect(whole.finished.outcome).toBe('done');
    expect(whole.series['correlation/conv2']?.map(([step, value]) => [step, value > 0])).toEqual([
      [0, true],
      [6, true],
      [12, true],
    ]);
    const part = await runTraining(engine, lab, document, {
      checkpoints: `${id}-part`,
      stopAt: (message) => message.type === 'checkpoint' && message.step === 4,
    });
    const stoppedAt = part.finished.summary.steps;
    expect(stoppedAt).toBeLessThan(12);
    const rest = await runTraining(engine, lab, document, {
      checkpoints: `${id}-part`,
      resumeFrom: part.lastCheckpoint,
    });
    expect(rest.series).toEqual(splitSeries(whole.series, stoppedAt).after);
    expect(engine.memory().tensorCount).toBe(0);
  });

  it('logs the penalty and ζ of gamma decay, and not as part of the loss', async () => {
    const train = (strength: number) =>
      runTraining(engine, lab, tinyDocument({ method: { id: 'populationNormGammaDecay', images: 8, strength } }), {
        checkpoints: `strength-${strength}`,
      });
    const [without, strong] = [await train(0), await train(10)];
    expect(strong.series['zeta/conv1']).toHaveLength(12);
    expect(without.series['train/penalty']?.[0]?.[1]).toBe(0);
    expect(strong.series['train/penalty']?.[0]?.[1]).toBeGreaterThan(0);
    expect(strong.series['train/loss']?.[0]).toEqual(without.series['train/loss']?.[0]);
    expect(strong.series['train/loss']?.[5]).not.toEqual(without.series['train/loss']?.[5]);
  });

  it('lets the first batch standardize the layers of weight normalization', async () => {
    const gammaOf = async (dataDependentInitialization: boolean): Promise<number | undefined> => {
      const method = { id: 'weightNorm', dataDependentInitialization };
      const { series } = await runTraining(engine, lab, tinyDocument({ method }), {
        checkpoints: `initialization-${dataDependentInitialization}`,
      });
      return series['gammaSquared/conv1']?.[0]?.[1];
    };
    expect(await gammaOf(false)).toBe(1);
    expect(await gammaOf(true)).not.toBe(1);
  });

  it.each([
    ['groupNorm', { groups: 3 }, /channels of conv1 cannot be divided into 3 groups/],
    ['ghostBatchNorm', { ghostSize: 3 }, /batch of 4 images cannot be divided/],
    ['populationNorm', { images: 5000 }, /5000 images, but there are only/],
  ])('refuses %s with %j', async (id, own, message) => {
    const document = tinyDocument({ method: { id, ...own } });
    await expect(runTraining(engine, lab, document, { checkpoints: 'refused' })).rejects.toMatchObject({
      code: 'invalidDocument',
      message: expect.stringMatching(message) as string,
    });
  });
});
