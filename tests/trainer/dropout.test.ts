import { keep, tensor, zeros, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageShape, NetworkLayer } from '#shared/domain/architecture.ts';
import type { MethodSettings } from '#shared/domain/methods/index.ts';
import type { Placement } from '#shared/domain/placement.ts';
import type { Engine, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { createNetwork } from '#trainer/network.ts';
import { createOptimizer } from '#trainer/optimizer.ts';
import { createRandomSeed, randomSeedSpecification } from '#trainer/randomSource.ts';
import { createInitialState, uploadState } from '#trainer/state.ts';
import { createGradientStep } from '#trainer/steps/gradients.ts';
import { disposeAll } from '#trainer/tensors.ts';
import { stepVariants, type StepVariant } from '../conformance/stepTools.ts';
import { testEngines } from '../engines.ts';

const image: ImageShape = [8, 8, 1];
const batchSize = 100;
const layer = (name: string): NetworkLayer => ({
  type: 'convolution',
  name,
  kernelSize: 1,
  channels: 1,
  stride: 1,
  padding: 'same',
  normalizable: true,
  activation: 'none',
});
const layers: NetworkLayer[] = [
  layer('conv1'),
  layer('conv2'),
  { type: 'flatten' },
  { type: 'dense', name: 'fc1', channels: 2, normalizable: false, activation: 'none' },
];
const sgd = createOptimizer({ id: 'sgd', momentum: 0.9, weightDecay: 0 });
const ratio = 0.3;
const scale = Math.fround(1 / (1 - ratio));

for (const { name, location } of testEngines) {
  describe.runIf(location)(`dropout on ${name}${location ? '' : ' (not on this machine)'}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      if (location) engine = await openEngine(location);
    });
    afterAll(() => engine.dispose());

    /** What goes into the activation of each layer, of images of ones by kernels of ones and biases of 0. */
    function run(
      dropout: Partial<Placement['dropout']>,
      {
        step = 0,
        seed = 1,
        pass = 'training',
        variant = { mode: 'compiled', operations: 'fused' },
      }: {
        step?: number;
        seed?: number;
        pass?: 'training' | 'evaluation';
        variant?: StepVariant;
      } = {},
      method: MethodSettings = { id: 'none' },
    ): Record<string, number[]> {
      const network = createNetwork(layers, image, method, 'all', {
        layerMethods: {},
        dropout: { ratio, placement: 'afterNormalizer', layers: 'all', ...dropout },
      });
      const parameters = uploadState(
        Object.fromEntries(
          Object.entries(network.variables.parameters).map(([variable, { shape }]) => {
            const values = new Float32Array(shape.reduce((product, length) => product * length, 1));
            return [variable, { shape, values: /kernel|gamma/.test(variable) ? values.fill(1) : values }];
          }),
        ),
      );
      const inputs: TensorRecord = {
        ...parameters,
        images: tensor(new Float32Array(batchSize * 64).fill(1), [batchSize, ...image]),
        ...createRandomSeed(seed, step),
      };
      const computation = engine.createStep({
        name: 'dropout',
        inputs: {
          ...Object.fromEntries(
            Object.entries(inputs).map(([input, { shape }]) => [input, { shape, dtype: 'float32' as const }]),
          ),
          ...randomSeedSpecification,
        },
        body(given, operations) {
          const seen: TensorRecord = {};
          const hooks = { replaceOutput: (at: string, output: Tensor) => (seen[at] = keep(output)) };
          const { images, randomSeed, ...own } = given;
          const passInputs = {
            images: images as Tensor4D,
            parameters: own,
            statistics: Object.fromEntries(
              Object.entries(network.variables.statistics).map(([at, { shape }]) => [at, zeros([...shape])]),
            ),
            operations,
            hooks,
            randomSeed: randomSeed as never,
          };
          if (pass === 'training') network.forwardTraining(passInputs);
          else network.forwardEvaluation(passInputs);
          return seen;
        },
        precision: 'float32',
        ...variant,
      });
      const results = computation.run(inputs);
      const values = Object.fromEntries(
        Object.entries(results).map(([at, value]) => [at, Array.from(value.dataSync())]),
      );
      computation.dispose();
      disposeAll(inputs);
      disposeAll(results);
      return values;
    }

    it('drops the ratio asked for, scales the rest, and leaves the last layer alone', () => {
      const { conv1 = [], fc1 = [] } = run({});
      expect([...new Set(conv1)].sort()).toEqual([0, scale]);
      const dropped = conv1.filter((value) => value === 0).length / conv1.length;
      // Four standard errors of 6400 draws.
      expect(Math.abs(dropped - ratio)).toBeLessThan(4 * Math.sqrt((ratio * (1 - ratio)) / 6400));
      expect(fc1).not.toContain(0);
    });

    it('draws anew in each layer, step and run, and the same for the same', () => {
      // conv2 sees conv1's output: where that is 0, its own mask does not show.
      const maskOf = (name: string, options: Parameters<typeof run>[1]): number[] =>
        (run({ layers: [name] }, options)[name] ?? []).map((value) => Number(value > 0));
      const mask = maskOf('conv1', {});
      expect(maskOf('conv1', {})).toEqual(mask);
      for (const other of [maskOf('conv2', {}), maskOf('conv1', { step: 1 }), maskOf('conv1', { seed: 2 })]) {
        // Independent masks agree with probability (1 − p)² + p²; four standard errors.
        const agreement = other.filter((value, index) => value === mask[index]).length / mask.length;
        expect(Math.abs(agreement - ((1 - ratio) ** 2 + ratio ** 2))).toBeLessThan(4 * Math.sqrt(0.25 / 6400));
      }
    });

    it('gives the same masks however the step is run', () => {
      const [first, ...others] = stepVariants.map((variant) => run({}, { variant }));
      for (const other of others) expect(other).toEqual(first);
    });

    it('does nothing in evaluation, and nothing to layers not named', () => {
      const ones = new Array<number>(6400).fill(1);
      expect(run({}, { pass: 'evaluation' })['conv1']).toEqual(ones);
      const named = run({ layers: ['conv2'] });
      expect(named['conv1']).toEqual(ones);
      expect(named['conv2']).toContain(0);
    });

    it('stands behind or before the normalizer', () => {
      const method: MethodSettings = { id: 'batchNorm', epsilon: 1e-5, runningMomentum: 0.9 };
      // Without spread the normalizer gives 0 everywhere; with the mask before it, it normalizes the mask.
      const behind = run({ layers: ['conv1'] }, {}, method)['conv1'] ?? [];
      expect(new Set(behind.map(Math.abs))).toEqual(new Set([0]));
      const before = run({ layers: ['conv1'], placement: 'beforeNormalizer' }, {}, method)['conv1'] ?? [];
      const mean = before.reduce((sum, value) => sum + value, 0) / before.length;
      const meanSquare = before.reduce((sum, value) => sum + value * value, 0) / before.length;
      expect(Math.abs(mean)).toBeLessThan(1e-4);
      expect(meanSquare).toBeCloseTo(1, 3);
    });

    it('has the gradient of its mask', () => {
      const network = (dropout: Placement['dropout']) =>
        createNetwork(layers, image, { id: 'none' }, 'all', { layerMethods: {}, dropout });
      const dropping = network({ ratio, placement: 'afterNormalizer', layers: ['conv2'] });
      const { conv2: masked = [] } = run({ layers: ['conv2'] });
      // With kernels of ones and equal images the loss's gradient is the same for every image, and the
      // gradient with respect to fc1's kernel is the mean over images of mask·(p − y).
      const state = createInitialState(dropping, 1, sgd);
      const parameters = Object.entries(state).filter(([variable]) => variable.startsWith('parameters/'));
      for (const [variable, { values }] of parameters) values.fill(/conv.*kernel/.test(variable) ? 1 : 0);
      const inputs: TensorRecord = {
        ...uploadState(Object.fromEntries(parameters)),
        images: tensor(new Float32Array(batchSize * 64).fill(1), [batchSize, ...image]),
        labels: tensor(new Int32Array(batchSize), [batchSize], 'int32'),
        ...createRandomSeed(1, 0),
      };
      // fc1's kernel is not 0 for conv2's bias to have a gradient.
      const weight = 0.01;
      inputs['parameters/fc1/kernel']?.dispose();
      inputs['parameters/fc1/kernel'] = tensor(
        Float32Array.from({ length: 128 }, (_, index) => (index % 2 === 0 ? weight : -weight)),
        [64, 2],
      );
      const gradientStep = createGradientStep(engine, dropping, image, batchSize, {
        mode: 'compiled',
        operations: 'fused',
        precision: 'float32',
      });
      const results = gradientStep.run(inputs);
      const ofBias = results['gradients/conv2/bias']?.dataSync()[0] ?? NaN;
      // loss_i = log(1 + e^{−2w·s_i}), s_i the sum of the image's mask/(1 − p)·h; dh = 1 for each position.
      let expected = 0;
      for (let at = 0; at < batchSize; at += 1) {
        const sum = masked.slice(at * 64, (at + 1) * 64).reduce((total, value) => total + value, 0);
        expected -= (2 * weight * sum) / (1 + Math.exp(2 * weight * sum)) / batchSize;
      }
      expect(Math.abs(ofBias / expected - 1)).toBeLessThan(1e-4);
      gradientStep.dispose();
      disposeAll(inputs);
      disposeAll(results);
      expect(engine.memory().tensorCount).toBe(0);
    });
  });
}
