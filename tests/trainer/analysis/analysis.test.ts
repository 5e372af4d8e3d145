import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSafetensors, serializeSafetensors } from '#files/safetensors.ts';
import { writeChunksAtomically } from '#files/atomicWrite.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import type { Analysis, AnalysisResult, EngineLocation } from '#shared/protocol.ts';
import { analysisResultSchema, analysisSchema } from '#shared/protocol.ts';
import { areaUnder, numbersOfUnits } from '#trainer/analysis/ablation.ts';
import { analyze } from '#trainer/analysis/analyze.ts';
import { exportWeights } from '#trainer/analysis/exportWeights.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { testEngines } from '../../engines.ts';
import { createTinyLab, type TinyLab } from '../tinyDataset.ts';
import { runTraining, tinyDocument, type TrainResult } from '../trainHarness.ts';

const javascript: EngineLocation = { kind: 'javascript' };

it('spreads numbers of channels from none to all, and takes the area by trapezoids', () => {
  expect(numbersOfUnits(10, 3)).toEqual([0, 5, 10]);
  expect(numbersOfUnits(2, 11)).toEqual([0, 1, 2]);
  const points = [0, 0.5, 1].map((x) => [x, x < 1 ? 1 : 0] as const);
  expect(areaUnder(points)).toBe(0.75);
});

for (const { name, location } of testEngines) {
  describe.runIf(location)(`on ${name}`, () => {
    let engine: Engine;
    let lab: TinyLab;
    let document: RunDocument;
    let trained: TrainResult;
    beforeAll(async () => {
      engine = await openEngine(location ?? javascript);
      lab = await createTinyLab();
      document = tinyDocument({ architecture: { id: 'paper-cnn', widthMultiplier: 0.125 } });
      trained = await runTraining(engine, lab, document);
    });
    afterAll(async () => {
      engine.dispose();
      await lab.remove();
    });

    async function find<Kind extends Analysis['kind']>(
      settings: { kind: Kind } & Record<string, unknown>,
      of = { document, trained },
    ): Promise<Extract<AnalysisResult, { kind: Kind }>> {
      const before = engine.memory().tensorCount;
      const message = await analyze(
        {
          type: 'analyze',
          engine: javascript,
          document: of.document,
          datasetDirectory: lab.datasetDirectory,
          checkpoint: of.trained.lastCheckpoint ?? '',
          analysis: analysisSchema.parse(settings),
        },
        engine,
      );
      expect(engine.memory().tensorCount).toBe(before);
      expect(message.step).toBe(12);
      const result = analysisResultSchema.parse(message.result);
      if (result.kind !== settings.kind) throw new Error(result.kind);
      return result as Extract<AnalysisResult, { kind: Kind }>;
    }

    it('folds batch normalization without changing what the network says', async () => {
      const result = await find({ kind: 'fold' });
      expect(result.images).toBe(13);
      expect(result.largestLogit).toBeGreaterThan(0.1);
      expect(result.largestLogitDifference).toBeLessThan(1e-4);
      expect(result.before.accuracy).toBe(trained.finished.summary.validationAccuracy);
      expect(result.after.accuracy).toBe(result.before.accuracy);
      expect(result.before.loss).toBeCloseTo(trained.finished.summary.validationLoss ?? NaN, 6);
    });

    it('fixes channels to their means: none changes nothing, all leave one answer for every image', async () => {
      const result = await find({ kind: 'ablation', orders: 2, points: 4, images: 20 });
      const widths = { conv1: 4, conv2: 4, conv3: 8, conv4: 8, fc1: 64 };
      expect(result).toMatchObject({ layers: Object.keys(widths), channels: 88, images: 13 });
      expect(result.curve.map(({ fixed }) => fixed)).toEqual([0, 29, 59, 88]);
      const accuracy = trained.finished.summary.validationAccuracy;
      expect(result.curve[0]?.accuracies).toEqual([accuracy, accuracy]);
      // Labels go around 0, 1, 2: of 13, five are 0 and four each of the others.
      const [first = NaN, second = NaN] = result.curve[3]?.accuracies ?? [];
      expect([5 / 13, 4 / 13]).toContain(first);
      expect(second).toBe(first);
      expect(await find({ kind: 'ablation', orders: 2, points: 4, images: 20 })).toEqual(result);
    });

    it('fixes channels of the layers named only', async () => {
      const result = await find({ kind: 'ablation', layers: ['conv3'], orders: 1, points: 9 });
      expect(result).toMatchObject({ layers: ['conv3'], channels: 8 });
      expect(result.curve).toHaveLength(9);
      await expect(find({ kind: 'ablation', layers: ['fc2'] })).rejects.toThrow(/“fc2”/);
    });

    it('measures running averages against statistics taken anew', async () => {
      const result = await find({ kind: 'reestimate', images: 1000 });
      expect(result.images).toBe(44);
      expect(result.before.accuracy).toBe(trained.finished.summary.validationAccuracy);
      expect(result.layers.map((layer) => layer.name)).toEqual(['conv1', 'conv2', 'conv3', 'conv4', 'fc1']);
      // After 12 steps with momentum 0.9, 28% of the running averages are still what they began with.
      for (const layer of result.layers) expect(layer.meanDrift).toBeGreaterThan(0.001);
      expect(result.after.loss).not.toBe(result.before.loss);
    });

    it('finds that what was taken anew is there where the running averages are the statistics themselves', async () => {
      // One batch of all images, running averages without memory, and as good as no learning.
      const method = { id: 'batchNorm', runningMomentum: 0 };
      const one = tinyDocument({
        method,
        batchSize: 44,
        optimizer: { id: 'sgd', learningRate: 1e-12, scaleWithBatchSize: false },
        architecture: { id: 'paper-cnn', widthMultiplier: 0.125 },
      });
      const own = await runTraining(engine, lab, one, { checkpoints: 'whole-batch' });
      const result = await find({ kind: 'reestimate' }, { document: one, trained: own });
      for (const layer of result.layers) {
        expect(layer.meanDrift).toBeLessThan(1e-4);
        expect(layer.deviationDrift).toBeLessThan(1e-4);
      }
      expect(result.after.loss).toBeCloseTo(result.before.loss, 4);
    });

    it('gives every channel of the diagnostics', async () => {
      const result = await find({ kind: 'diagnostics', images: 20 });
      expect(result.channels['kurtosis/fc1']).toHaveLength(64);
      expect(result.layers['kernelNorm/fc2']).toBeGreaterThan(0);
    });

    it.runIf(name === 'javascript')(
      'refuses what it cannot fold or take anew, and a checkpoint of another run',
      async () => {
        const layerNorm = tinyDocument({ method: { id: 'layerNorm' } });
        const of = {
          document: layerNorm,
          trained: await runTraining(engine, lab, layerNorm, { checkpoints: 'layerNorm' }),
        };
        await expect(find({ kind: 'fold' }, of)).rejects.toThrow(/Layer normalization of conv1 cannot be folded/);
        await expect(find({ kind: 'reestimate' }, of)).rejects.toThrow(/no running statistics/);
        await expect(find({ kind: 'fold' }, { document: layerNorm, trained })).rejects.toThrow(/other settings/);
      },
    );

    it.runIf(name === 'javascript')('exports weights that another run begins with, folded or as they are', async () => {
      const file = join(lab.directory, 'weights.safetensors');
      const exported = { document, checkpoint: trained.lastCheckpoint ?? '', format: 'safetensors', file } as const;
      expect(await exportWeights({ ...exported, folded: false })).toMatchObject({ step: 12, file });
      const whole = parseSafetensors(await readFile(file)).tensors;
      expect(Object.keys(whole)).toContain('conv1/runningVariance');
      const diagnostics = { groups: ['kernelNorms'], every: { unit: 'steps', value: 100 } };
      const length = { unit: 'steps', value: 2 };

      const again = tinyDocument({
        architecture: document.architecture,
        initialWeights: { file },
        diagnostics,
        length,
      });
      const continued = await runTraining(engine, lab, again, { checkpoints: 'again', initialWeights: file });
      const norm = Math.hypot(...(whole['conv1/kernel']?.values ?? []));
      expect(continued.series['kernelNorm/conv1']?.[0]?.[1]).toBeCloseTo(norm, 6);

      await exportWeights({ ...exported, folded: true });
      const folded = parseSafetensors(await readFile(file)).tensors;
      expect(Object.keys(folded).sort()).toEqual(
        ['conv1', 'conv2', 'conv3', 'conv4', 'fc1', 'fc2'].flatMap((layer) => [`${layer}/bias`, `${layer}/kernel`]),
      );
      // Figure 7: without normalizer the network goes on where the normalized one was.
      const plain = tinyDocument({
        architecture: document.architecture,
        method: { id: 'none' },
        initialWeights: { file },
        optimizer: { id: 'sgd', learningRate: 1e-9, momentum: 0, scaleWithBatchSize: false },
        diagnostics,
        length,
      });
      const finetuned = await runTraining(engine, lab, plain, { checkpoints: 'plain', initialWeights: file });
      expect(finetuned.finished.summary.validationLoss).toBeCloseTo(trained.finished.summary.validationLoss ?? NaN, 3);

      await expect(runTraining(engine, lab, again, { checkpoints: 'misfit', initialWeights: file })).rejects.toThrow(
        'missing: conv1/gamma, conv1/beta, conv2/gamma, conv2/beta, conv3/gamma, conv3/beta and 14 more; not part of this network: conv1/bias, conv2/bias, conv3/bias, conv4/bias, fc1/bias.',
      );
      const kernel = folded['conv1/kernel'];
      if (!kernel) throw new Error('no kernel');
      const flat = { ...folded, 'conv1/kernel': { ...kernel, shape: [kernel.values.length] } };
      await writeChunksAtomically(file, serializeSafetensors(flat));
      await expect(runTraining(engine, lab, plain, { checkpoints: 'misshapen', initialWeights: file })).rejects.toThrow(
        'conv1/kernel is [108] instead of [3, 3, 3, 4]',
      );
    });
  });
}
