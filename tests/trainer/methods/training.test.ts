import { describe, expect, it } from 'vitest';
import { diagnosticGroups } from '#shared/domain/diagnostics.ts';
import { methodIds } from '#shared/domain/methods/index.ts';
import { useTinyTraining } from '../tinyTraining.ts';
import { atCheckpoint, runTraining, runUnbrokenAndBroken, splitSeries, tinyDocument } from '../trainHarness.ts';

/** Parameters that fit the tiny data and network: 2 channels, 44 images. */
const settings: Partial<Record<string, Record<string, unknown>>> = {
  groupNorm: { groups: 2 },
  weightStandardization: { groups: 2 },
  ghostBatchNorm: { ghostSize: 2 },
  populationNorm: { images: 8, subset: 'rotating', refreshEvery: 3 },
  populationNormGammaDecay: { images: 8 },
  noiseSeparatedBatchNorm: { images: 8 },
  weightNorm: { gammaDecay: 0.01 },
};

describe('every method', () => {
  const tiny = useTinyTraining();

  it.each<[string, Record<string, unknown>]>([
    ...methodIds.map((id): [string, Record<string, unknown>] => [id, { method: { id, ...settings[id] } }]),
    [
      'gamma decay by Fisher information',
      { method: { id: 'populationNormGammaDecay', curvature: 'fisher', images: 8 } },
    ],
    ['dropout behind the normalizer', { dropout: { ratio: 0.25 } }],
    ['dropout before the normalizer', { dropout: { ratio: 0.25, placement: 'beforeNormalizer', layers: ['conv2'] } }],
    [
      'a network of several methods',
      {
        method: { id: 'none' },
        layerMethods: {
          conv1: { id: 'groupNorm', groups: 2 },
          conv2: { id: 'populationNorm', images: 8 },
          conv3: { id: 'populationNormGammaDecay', images: 8 },
        },
      },
    ],
  ])('%s trains, stops and goes on as if it had not stopped', async (name, changes) => {
    const diagnostics = { groups: [...diagnosticGroups], every: { unit: 'steps', value: 6 }, images: 12 };
    const document = tinyDocument({ ...changes, diagnostics });
    const { unbroken, broken, resumed } = await runUnbrokenAndBroken(
      tiny.engine,
      tiny.lab,
      document,
      name,
      atCheckpoint(4),
    );
    expect(unbroken.finished.outcome).toBe('done');
    expect(unbroken.series['correlation/conv2']?.map(([step, value]) => [step, value > 0])).toEqual([
      [0, true],
      [6, true],
      [12, true],
    ]);
    const stoppedAt = broken.finished.summary.steps;
    expect(stoppedAt).toBeLessThan(12);
    expect(resumed.series).toEqual(splitSeries(unbroken.series, stoppedAt).after);
    expect(tiny.engine.memory().tensorCount).toBe(0);
  });

  it('lets a ghost as large as the batch be batch normalization', async () => {
    const train = async (method: Record<string, unknown>): Promise<number[]> => {
      const { series } = await runTraining(tiny.engine, tiny.lab, tinyDocument({ method }), {
        checkpoints: `ghost-${String(method['id'])}`,
      });
      return (series['train/loss'] ?? []).map(([, loss]) => loss);
    };
    const whole = await train({ id: 'batchNorm' });
    const ghost = await train({ id: 'ghostBatchNorm', ghostSize: 4 });
    expect(ghost).toHaveLength(12);
    ghost.forEach((loss, index) => expect(loss).toBeCloseTo(whole[index] ?? NaN, 5));
  });

  it('logs the penalty and ζ of gamma decay, and not as part of the loss', async () => {
    const train = (strength: number) =>
      runTraining(
        tiny.engine,
        tiny.lab,
        tinyDocument({ method: { id: 'populationNormGammaDecay', images: 8, strength } }),
        {
          checkpoints: `strength-${strength}`,
        },
      );
    const [without, strong] = [await train(0), await train(10)];
    expect(strong.series['zeta/conv1']).toHaveLength(12);
    expect(without.series['train/penalty']?.[0]?.[1]).toBe(0);
    expect(strong.series['train/penalty']?.[0]?.[1]).toBeGreaterThan(0);
    expect(strong.series['train/loss']?.[0]).toEqual(without.series['train/loss']?.[0]);
    expect(strong.series['train/loss']?.[5]).not.toEqual(without.series['train/loss']?.[5]);
  });

  it('weighs the penalty by its strength, below 1 too', async () => {
    const penaltyOf = async (method: Record<string, unknown>): Promise<number> => {
      const { series } = await runTraining(tiny.engine, tiny.lab, tinyDocument({ method }), {
        checkpoints: JSON.stringify(method),
      });
      return series['train/penalty']?.[0]?.[1] ?? NaN;
    };
    for (const own of [{ coefficient: 'adaptive' }, { coefficient: 'constant' }, { noise: 'paperM' }]) {
      const method = { id: 'populationNormGammaDecay', images: 8, ...own };
      const ratio = (await penaltyOf({ ...method, strength: 0.03 })) / (await penaltyOf(method));
      expect(Math.abs(ratio / 0.03 - 1)).toBeLessThan(1e-5);
    }
    // The first γ are 1, one for each of 2 + 2 + 4 + 4 + 32 channels.
    for (const id of ['weightNorm', 'weightNormMeanOnlyBatchNorm', 'weightNormVarianceOnlyBatchNorm']) {
      const method = { id, gammaDecay: 0.01, dataDependentInitialization: false };
      expect(Math.abs((await penaltyOf(method)) / (0.01 * 44) - 1)).toBeLessThan(1e-5);
    }
  });

  it('draws other numbers in each step, and the same in the same run', async () => {
    const train = (dropout: Record<string, unknown>, checkpoints: string) =>
      // With a learning rate of next to nothing and all images in the batch, steps differ by their masks alone.
      runTraining(
        tiny.engine,
        tiny.lab,
        tinyDocument({ batchSize: 44, optimizer: { id: 'sgd', learningRate: 1e-30 }, dropout }),
        { checkpoints },
      );
    const losses = ({ series }: Awaited<ReturnType<typeof train>>) =>
      (series['train/loss'] ?? []).map(([, value]) => value.toPrecision(5));
    const dropped = losses(await train({ ratio: 0.5 }, 'masks'));
    expect(new Set(dropped).size).toBe(12);
    expect(losses(await train({ ratio: 0.5 }, 'masks-again'))).toEqual(dropped);
    expect(new Set(losses(await train({ ratio: 0 }, 'no-masks'))).size).toBe(1);
  });

  it('lets the first batch standardize the layers of weight normalization', async () => {
    const gammaOf = async (dataDependentInitialization: boolean): Promise<number | undefined> => {
      const method = { id: 'weightNorm', dataDependentInitialization };
      const { series } = await runTraining(tiny.engine, tiny.lab, tinyDocument({ method }), {
        checkpoints: `initialization-${dataDependentInitialization}`,
      });
      return series['gammaSquared/conv1']?.[0]?.[1];
    };
    expect(await gammaOf(false)).toBe(1);
    expect(await gammaOf(true)).not.toBe(1);
  });

  it.each([
    ['a layer that is not there', { layerMethods: { conv9: { id: 'none' } } }, /“conv9”, which is no layer/],
    ['a method behind the classifier', { layerMethods: { fc2: { id: 'batchNorm' } } }, /“fc2”, which cannot have/],
    ['dropout at a layer that is not there', { dropout: { ratio: 0.1, layers: ['conv7'] } }, /dropout.layers.*“conv7”/],
    [
      'groups that do not divide one layer',
      { layerMethods: { conv2: { id: 'groupNorm', groups: 3 } } },
      /channels of conv2 cannot be divided/,
    ],
    [
      'more population images than there are at one layer',
      { layerMethods: { conv2: { id: 'populationNorm', images: 50 } } },
      /50 images, but there are only 44/,
    ],
    [
      'two populations',
      {
        method: { id: 'populationNorm', images: 8 },
        layerMethods: { conv2: { id: 'populationNormGammaDecay', images: 9 } },
      },
      /method.images is 8, but layerMethods.conv2.images is 9/,
    ],
  ])('refuses %s before it trains', async (_name, changes, message) => {
    await expect(
      runTraining(tiny.engine, tiny.lab, tinyDocument(changes), { checkpoints: 'refused' }),
    ).rejects.toMatchObject({
      code: 'invalidDocument',
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(/./) as string,
    });
  });

  it.each([
    [
      'one layer that needs a batch',
      { layerMethods: { conv2: { id: 'batchNorm' } }, method: { id: 'none' }, batchSize: 1 },
      /needs at least two images/,
    ],
    ['a ratio of 1', { dropout: { ratio: 1 } }, /dropout.ratio/],
    ['a negative strength', { method: { id: 'populationNormGammaDecay', strength: -1 } }, /method.strength/],
    [
      'a kurtosis below the least',
      { method: { id: 'layerNormInjectedNoise', excessKurtosis: -2.1 } },
      /excessKurtosis/,
    ],
    ['an unknown part', { method: { id: 'noiseSeparatedBatchNorm', mean: 'image' } }, /method.mean/],
  ])('refuses a document with %s', (_name, changes, message) => {
    expect(() => tinyDocument(changes)).toThrow(
      expect.objectContaining({ code: 'invalidDocument', message: expect.stringMatching(message) as string }) as Error,
    );
  });

  it.each([
    ['groupNorm', { groups: 3 }, /channels of conv1 cannot be divided into 3 groups/],
    ['ghostBatchNorm', { ghostSize: 3 }, /batch of 4 images cannot be divided/],
    ['populationNorm', { images: 5000 }, /5000 images, but there are only/],
  ])('refuses %s with %j', async (id, own, message) => {
    const document = tinyDocument({ method: { id, ...own } });
    await expect(runTraining(tiny.engine, tiny.lab, document, { checkpoints: 'refused' })).rejects.toMatchObject({
      code: 'invalidDocument',
      message: expect.stringMatching(message) as string,
    });
  });
});
