import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { scalar } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseSafetensors } from '#files/safetensors.ts';
import type { EngineLocation } from '#shared/protocol.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { testEngines } from '../engines.ts';
import { createTinyLab, type TinyLab } from './tinyDataset.ts';
import {
  atCheckpoint,
  runTraining,
  runUnbrokenAndBroken,
  splitSeries,
  tinyDocument,
  type TrainResult,
} from './trainHarness.ts';

let lab: TinyLab;
beforeEach(async () => {
  lab = await createTinyLab();
});
afterEach(() => lab.remove());

function stepsOf(result: TrainResult, series: string): number[] {
  return (result.series[series] ?? []).map(([step]) => step);
}

async function weightsOf(file: string | null): Promise<Record<string, unknown>> {
  return parseSafetensors(await readFile(file ?? '')).tensors;
}

function trainingTests(location: EngineLocation): void {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(location);
  });
  afterAll(() => engine.dispose());

  it('sends what it is, every point, checkpoints and a summary', async () => {
    const result = await runTraining(engine, lab, tinyDocument());
    expect(result.prepared).toMatchObject({
      stepsPerEpoch: 11,
      totalSteps: 12,
      startStep: 0,
      layers: ['conv1', 'conv2', 'conv3', 'conv4', 'fc1', 'fc2'],
    });
    const everyStep = Array.from({ length: 12 }, (_, index) => index + 1);
    for (const series of ['train/loss', 'train/accuracy', 'learningRate', 'gammaSquared/conv1', 'gammaSquared/fc1']) {
      expect(stepsOf(result, series), series).toEqual(everyStep);
    }
    // Every 5 steps and at the end.
    for (const series of [
      'validation/loss',
      'validation/accuracy',
      'trainMean/loss',
      'trainMean/accuracy',
      'gap/loss',
    ]) {
      expect(stepsOf(result, series), series).toEqual([5, 10, 12]);
    }
    expect(Object.keys(result.series)).toHaveLength(4 + 5 + 4);
    // γ starts at 1; learning rates by lr·(1 − 10⁻⁴)^t.
    expect(result.series['gammaSquared/conv1']?.[0]).toEqual([1, 1]);
    expect(result.series['learningRate']?.[2]?.[1]).toBeCloseTo(0.05 * 0.9999 * 0.9999, 15);

    const losses = (result.series['train/loss'] ?? []).map(([, value]) => value);
    const meanOfLast = ((losses[10] ?? NaN) + (losses[11] ?? NaN)) / 2;
    const validationLoss = result.series['validation/loss']?.at(-1)?.[1] ?? NaN;
    expect(result.series['trainMean/loss']?.at(-1)?.[1]).toBeCloseTo(meanOfLast, 12);
    expect(result.series['gap/loss']?.at(-1)?.[1]).toBeCloseTo(validationLoss - meanOfLast, 12);
    expect(result.finished).toMatchObject({
      outcome: 'done',
      summary: {
        steps: 12,
        trainLoss: result.series['trainMean/loss']?.at(-1)?.[1],
        validationLoss,
        validationAccuracy: result.series['validation/accuracy']?.at(-1)?.[1],
        bestValidationLoss: Math.min(...(result.series['validation/loss'] ?? []).map(([, value]) => value)),
        lastFiniteStep: null,
      },
    });
    // Main removes old ones when it has recorded newer ones.
    expect(result.messages.flatMap((message) => (message.type === 'checkpoint' ? [message.step] : []))).toEqual([
      4, 8, 12,
    ]);
    expect((await readdir(join(lab.directory, 'checkpoints'))).toSorted()).toEqual([
      'step-000000004.safetensors',
      'step-000000008.safetensors',
      'step-000000012.safetensors',
    ]);
    expect(engine.memory().tensorCount).toBe(0);
  });

  it('has sent every point up to a checkpoint before it tells of the checkpoint', async () => {
    const { messages } = await runTraining(engine, lab, tinyDocument());
    let lastStep = 0;
    for (const message of messages) {
      if (message.type === 'metrics') lastStep = message.series['train/loss']?.steps.at(-1) ?? lastStep;
      if (message.type === 'checkpoint') expect(lastStep).toBe(message.step);
    }
  });

  it('gives the same series and weights for the same seed, and others for another', async () => {
    const first = await runTraining(engine, lab, tinyDocument());
    const second = await runTraining(engine, lab, tinyDocument(), { checkpoints: 'second' });
    const other = await runTraining(engine, lab, tinyDocument({ seed: 2 }), { checkpoints: 'other' });
    expect(second.series).toEqual(first.series);
    expect(await weightsOf(second.lastCheckpoint)).toEqual(await weightsOf(first.lastCheckpoint));
    expect(other.series['train/loss']).not.toEqual(first.series['train/loss']);
  });

  // Neither is at an evaluation: the means over the interval go on, too.
  it.each([
    [4, {}],
    [8, {}],
    [
      4,
      {
        optimizer: { id: 'adam', weightDecay: 0.1 },
        schedule: { id: 'cosine' },
        warmUp: { unit: 'steps', value: 6 },
        augmentation: { cropPadding: 1, horizontalFlip: true },
      },
    ],
  ])('goes on from the checkpoint of step %i as if it had never stopped, with %j', async (step, changes) => {
    const document = tinyDocument(changes);
    const { unbroken, broken, resumed } = await runUnbrokenAndBroken(engine, lab, document, 'step', atCheckpoint(step));
    expect(broken.finished).toMatchObject({ outcome: 'stopped', summary: { steps: step } });
    expect(resumed.prepared.startStep).toBe(step);
    expect(resumed.finished.outcome).toBe('done');

    const { before, after } = splitSeries(unbroken.series, step);
    expect(broken.series).toEqual(before);
    expect(resumed.series).toEqual(after);
    expect(await weightsOf(resumed.lastCheckpoint)).toEqual(await weightsOf(unbroken.lastCheckpoint));
    const { samplesPerSecond: _, durationSeconds: __, peakMemoryBytes: ___, ...summary } = resumed.finished.summary;
    expect(unbroken.finished.summary).toMatchObject(summary);
  });

  it('trains on changed images where it augments, and evaluates on unchanged ones', async () => {
    // Without a normalizer and at a rate that changes nothing, evaluation depends on its images alone.
    const still = { method: { id: 'none' }, optimizer: { id: 'sgd', learningRate: 1e-30, momentum: 0 } };
    const augmentation = { cropPadding: 1, horizontalFlip: true };
    const plain = await runTraining(engine, lab, tinyDocument(still), { checkpoints: 'plain' });
    const changed = await runTraining(engine, lab, tinyDocument({ ...still, augmentation }), {
      checkpoints: 'changed',
    });
    expect(changed.series['train/loss']).not.toEqual(plain.series['train/loss']);
    expect(changed.series['validation/loss']).toEqual(plain.series['validation/loss']);
  });

  it('writes a checkpoint when it is asked to stop between two, and goes on from it', async () => {
    const document = tinyDocument({ checkpoints: { every: { unit: 'steps', value: 1000 } } });
    const { unbroken, broken, resumed } = await runUnbrokenAndBroken(
      engine,
      lab,
      document,
      'between',
      (message) => message.type === 'metrics' && message.progress.step >= 6,
    );
    expect(broken.finished.outcome).toBe('stopped');
    const { steps } = broken.finished.summary;
    expect(steps).toBeGreaterThanOrEqual(6);
    expect(steps).toBeLessThan(12);
    expect(resumed.series).toEqual(splitSeries(unbroken.series, steps).after);
  });

  it('ends at once, with the summary it had, where the last checkpoint is the end of the run', async () => {
    const whole = await runTraining(engine, lab, tinyDocument());
    const again = await runTraining(engine, lab, tinyDocument(), { resumeFrom: whole.lastCheckpoint });
    expect(again.series).toEqual({});
    const { trainLoss, validationLoss, bestValidationAccuracy } = whole.finished.summary;
    expect(again.finished).toMatchObject({
      outcome: 'done',
      summary: { steps: 12, trainLoss, validationLoss, bestValidationAccuracy },
    });
  });

  it('trains without normalization and with it at one layer, from the same first weights', async () => {
    const none = await runTraining(engine, lab, tinyDocument({ method: { id: 'none' } }));
    const single = await runTraining(engine, lab, tinyDocument({ normalizedLayers: ['conv3'] }), {
      checkpoints: 'single',
    });
    expect(Object.keys(none.series).filter((name) => name.startsWith('gammaSquared'))).toEqual([]);
    expect(Object.keys(single.series).filter((name) => name.startsWith('gammaSquared'))).toEqual([
      'gammaSquared/conv3',
    ]);
    expect(none.finished.outcome).toBe('done');
  });

  it('ends as diverged where an update leaves something not finite behind, though its loss was finite', async () => {
    // The sixth step gets a learning rate that makes every parameter NaN.
    let count = 0;
    const spoiling: Engine = {
      ...engine,
      createStep(definition) {
        const step = engine.createStep(definition);
        if (definition.name !== 'trainingStep') return step;
        return {
          ...step,
          run(inputs) {
            count += 1;
            if (count !== 6) return step.run(inputs);
            const learningRate = scalar(NaN);
            const results = step.run({ ...inputs, learningRate });
            learningRate.dispose();
            return results;
          },
        };
      },
    };
    const result = await runTraining(spoiling, lab, tinyDocument());
    expect(result.finished.outcome).toBe('diverged');
    expect(result.finished.summary).toMatchObject({ steps: 6, lastFiniteStep: 6 });
    const losses = result.series['train/loss'] ?? [];
    expect(losses).toHaveLength(6);
    expect(losses.every(([, loss]) => Number.isFinite(loss))).toBe(true);
    // The checkpoint before it is the last: one that is not finite is never written.
    expect(result.lastCheckpoint).toMatch(/step-000000004/);
    expect(engine.memory().tensorCount).toBe(0);
  });

  it('ends as diverged where the loss is no longer finite', async () => {
    const document = tinyDocument({
      method: { id: 'none' },
      optimizer: { id: 'sgd', learningRate: 100, scaleWithBatchSize: false },
      seed: 6,
    });
    const result = await runTraining(engine, lab, document);
    expect(result.finished.outcome).toBe('diverged');
    const losses = result.series['train/loss'] ?? [];
    const [lastStep, lastLoss] = losses.at(-1) ?? [NaN, 0];
    expect(Number.isFinite(lastLoss)).toBe(false);
    expect(losses.slice(0, -1).every(([, loss]) => Number.isFinite(loss))).toBe(true);
    expect(result.finished.summary).toMatchObject({ steps: lastStep, lastFiniteStep: lastStep - 1 });
    expect(engine.memory().tensorCount).toBe(0);
  });

  it('keeps neither tensors nor handles from step to step', async () => {
    const counts: (number | null)[] = [];
    await runTraining(engine, lab, tinyDocument({ length: { unit: 'steps', value: 30 } }), {
      stopAt: (message) => {
        if (message.type === 'metrics') counts.push(message.progress.tensorCount);
        return false;
      },
    });
    expect(new Set(counts.slice(0, -1)).size).toBe(1);
    expect(engine.memory()).toMatchObject({ tensorCount: 0, nativeHandleCount: 0 });
  });
}

for (const { name, location } of testEngines) {
  describe.runIf(location)(`train on ${name} (where it is installed)`, () => {
    if (location) trainingTests(location);
  });
}

describe('train with bad input', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ kind: 'javascript' });
  });
  afterAll(() => engine.dispose());

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    [
      'more images than there are',
      { dataset: { id: 'tiny', trainingImages: 45 } },
      'invalidDocument',
      /45 training images/,
    ],
    ['a batch that cannot be filled', { batchSize: 45 }, 'invalidDocument', /batch of 45 images/],
    ['another data set', { dataset: { id: 'tiny', checksum: 'f'.repeat(64) } }, 'invalidDataset', /not the one/],
    ['a layer that is not there', { normalizedLayers: ['conv9'] }, 'invalidDocument', /conv9/],
    ['a precision that the engine lacks', { execution: { precision: 'bfloat16' } }, 'engineMissing', /bfloat16/],
  ])('refuses %s', async (_what, changes, code, message) => {
    await expect(runTraining(engine, lab, tinyDocument(changes))).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    );
  });

  it('refuses the checkpoint of a run with other settings', async () => {
    const { lastCheckpoint } = await runTraining(engine, lab, tinyDocument({ length: { unit: 'steps', value: 1 } }));
    await expect(runTraining(engine, lab, tinyDocument(), { resumeFrom: lastCheckpoint })).rejects.toThrow(
      expect.objectContaining({
        code: 'checkpointInvalid',
        message: expect.stringMatching(/other settings/) as string,
      }) as Error,
    );
  });
});
