import { grads, keep, mul, sum, type Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LinearLayer } from '#shared/domain/architecture.ts';
import { methodSchema, type MethodSettings } from '#shared/domain/methods/index.ts';
import type { Engine, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { createLayerMethod } from '#trainer/methods/index.ts';
import type { LayerInputs } from '#trainer/methods/method.ts';
import { createRandomSource } from '#trainer/randomSource.ts';
import * as reference from '../../conformance/float64Reference.ts';
import { expectClose, input, runOnce, stepVariants, type InputValues } from '../../conformance/stepTools.ts';
import { testEngines } from '../../engines.ts';

const rows = 6;
const channels = 3;
const epsilon = 1e-3;
const layer: LinearLayer = { type: 'dense', name: 'fc1', channels, normalizable: true, activation: 'relu' };
const h = reference.testValues(rows * channels);
const gamma = Float64Array.from([0.7, -1.2, 1.5], Math.fround);
const beta = Float64Array.from([0.1, 0.4, -0.3], Math.fround);
const upstream = reference.testValues(rows * channels, 4);
const populationMean = Float64Array.from([0.3, -0.2, 0.5], Math.fround);
const populationVariance = Float64Array.from([1.4, 0.6, 2.2], Math.fround);

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? NaN;
const ofChannel = (values: ArrayLike<number>, index: number): number => at(values, index % channels);

const given: Record<string, InputValues> = {
  h: { shape: [rows, channels], values: h },
  gamma: { shape: [channels], values: gamma },
  beta: { shape: [channels], values: beta },
  upstream: { shape: [rows, channels], values: upstream },
  populationMean: { shape: [channels], values: populationMean },
  populationVariance: { shape: [channels], values: populationVariance },
  randomSeed: { shape: [2], values: [5, 6], dtype: 'int32' },
};

for (const { name, location } of testEngines) {
  describe.runIf(location)(`on ${name}${location ? '' : ' (not on this machine)'}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      if (location) engine = await openEngine(location);
    });
    afterAll(() => engine.dispose());
    const variants = name === 'javascript' ? stepVariants.slice(0, 1) : stepVariants;

    /** Output in training and evaluation, gradients of Σ upstream·output, and the noise that was drawn. */
    function run(settings: MethodSettings, variant = variants[0] ?? stepVariants[0]): Record<string, Float32Array> {
      const computation = createLayerMethod(settings, { layer, kernelShape: [1, channels], fanIn: 1 });
      if (!variant) throw new Error('no variant');
      return runOnce(engine, variant, given, (inputs, operations) => {
        const random = createRandomSource(input(inputs, 'randomSeed') as never, operations, 'fc1');
        const results: TensorRecord = {
          deviation: random.normal('deviation', [channels]),
          mean: random.normal('mean', [channels]),
        };
        const layerInputs = (values: Tensor[]): LayerInputs => ({
          linear: () => values[0] as Tensor,
          parameters: {
            kernel: input(inputs, 'h'),
            gamma: values[1] as Tensor,
            beta: values[2] as Tensor,
          },
          statistics: inputs,
          operations,
          random,
        });
        const values = ['h', 'gamma', 'beta'].map((key) => input(inputs, key));
        const gradients = grads((...moved) => {
          const { output } = computation.forwardTraining(layerInputs(moved));
          results['output'] = keep(output);
          return sum(mul(output, input(inputs, 'upstream')));
        })(values);
        return {
          ...results,
          evaluation: computation.forwardEvaluation(layerInputs(values)),
          ofH: gradients[0] as Tensor,
          ofGamma: gradients[1] as Tensor,
          ofBeta: gradients[2] as Tensor,
        };
      });
    }

    describe('batch normalization with separated noise', () => {
      const settings = (mean: string, deviation: string): MethodSettings =>
        methodSchema.parse({ id: 'noiseSeparatedBatchNorm', mean, deviation, epsilon });

      it.each([
        ['batch', 'batch'],
        ['batch', 'population'],
        ['population', 'batch'],
        ['population', 'population'],
      ])('takes the mean of the %s and the deviation of the %s, gradients through the batch', (mean, deviation) => {
        const ones = new Float64Array(channels).fill(1);
        const none = new Float64Array(channels);
        const batch = reference.batchNorm(h, ones, none, epsilon);
        const used = {
          mean: mean === 'batch' ? batch.mean : populationMean,
          variance: deviation === 'batch' ? batch.variance : populationVariance,
        };
        const output = h.map(
          (value, index) =>
            (ofChannel(gamma, index) * (value - ofChannel(used.mean, index))) /
              Math.sqrt(ofChannel(used.variance, index) + epsilon) +
            ofChannel(beta, index),
        );
        // z of the batch times r plus d, both as they are: what the gradient sees.
        const deviationOf = (variances: Float64Array, index: number): number =>
          Math.sqrt(ofChannel(variances, index) + epsilon);
        const r = ones.map((_, index) => deviationOf(batch.variance, index) / deviationOf(used.variance, index));
        const d = ones.map(
          (_, index) =>
            (ofChannel(batch.mean, index) - ofChannel(used.mean, index)) / deviationOf(used.variance, index),
        );
        const loss = (x: Float64Array, scale: Float64Array, shift: Float64Array): number =>
          reference.dot(
            reference
              .batchNorm(x, ones, none, epsilon)
              .output.map(
                (z, index) =>
                  ofChannel(scale, index) * (z * ofChannel(r, index) + ofChannel(d, index)) + ofChannel(shift, index),
              ),
            upstream,
          );
        for (const variant of variants) {
          const found = run(settings(mean, deviation), variant);
          expectClose(found['output'], output);
          expectClose(
            found['ofH'],
            reference.numericGradient((x) => loss(x, gamma, beta), h),
          );
          expectClose(
            found['ofGamma'],
            reference.numericGradient((x) => loss(h, x, beta), gamma),
          );
          expectClose(
            found['ofBeta'],
            reference.numericGradient((x) => loss(h, gamma, x), beta),
          );
        }
      });

      it('is batch or population normalization at its ends, to the bit, and evaluates as the latter', () => {
        const population = run(methodSchema.parse({ id: 'populationNorm', epsilon }));
        const ofBatch = createLayerMethod(methodSchema.parse({ id: 'batchNorm', epsilon }), {
          layer,
          kernelShape: [1, channels],
          fanIn: 1,
        });
        const [variant] = variants;
        const expected = runOnce(
          engine,
          variant ?? { mode: 'eager', operations: 'composed' },
          given,
          (inputs, operations) => ({
            output: ofBatch.forwardTraining({
              linear: () => input(inputs, 'h'),
              parameters: { ...inputs, kernel: input(inputs, 'h') },
              statistics: { runningMean: input(inputs, 'beta'), runningVariance: input(inputs, 'gamma') },
              operations,
              random: createRandomSource(undefined, operations, 'fc1'),
            }).output,
          }),
        );
        expect(run(settings('population', 'population'))).toEqual(population);
        expect(run(settings('batch', 'batch'))['output']).toEqual(expected['output']);
        for (const [mean, deviation] of [
          ['batch', 'batch'],
          ['batch', 'population'],
          ['population', 'batch'],
        ] as const) {
          expect(run(settings(mean, deviation))['evaluation']).toEqual(population['evaluation']);
        }
      });
    });

    describe('layer normalization with injected noise', () => {
      const virtualBatchSize = 8;
      const excessKurtosis = 1;
      const settings = methodSchema.parse({
        id: 'layerNormInjectedNoise',
        virtualBatchSize,
        excessKurtosis,
        epsilon,
      });

      it('is γ[(1 + ε_σ)z + ε_μ] + β with noise of the variances of a batch, and its gradients', () => {
        for (const variant of variants) {
          const found = run(settings, variant);
          const scale = gamma.map(
            (_, index) =>
              1 + Math.sqrt((excessKurtosis + 2) / (4 * virtualBatchSize)) * at(found['deviation'] ?? [], index),
          );
          const shift = gamma.map((_, index) => at(found['mean'] ?? [], index) / Math.sqrt(virtualBatchSize));
          const forward = (x: Float64Array, g: Float64Array, b: Float64Array): Float64Array =>
            x.map((value, index) => {
              const row = Array.from(x.subarray(index - (index % channels), index - (index % channels) + channels));
              const mean = row.reduce((total, each) => total + each, 0) / channels;
              const variance = row.reduce((total, each) => total + (each - mean) ** 2, 0) / channels;
              const z = (value - mean) / Math.sqrt(variance + epsilon);
              return (
                ofChannel(g, index) * (ofChannel(scale, index) * z + ofChannel(shift, index)) + ofChannel(b, index)
              );
            });
          const loss = (...values: Parameters<typeof forward>): number => reference.dot(forward(...values), upstream);
          expectClose(found['output'], forward(h, gamma, beta));
          expectClose(
            found['ofH'],
            reference.numericGradient((x) => loss(x, gamma, beta), h),
            5e-5,
          );
          expectClose(
            found['ofGamma'],
            reference.numericGradient((x) => loss(h, x, beta), gamma),
          );
          expectClose(
            found['ofBeta'],
            reference.numericGradient((x) => loss(h, gamma, x), beta),
          );
        }
      });

      it('is layer normalization in evaluation', () => {
        const plain = run(methodSchema.parse({ id: 'layerNorm', epsilon }));
        expect(run(settings)['evaluation']).toEqual(plain['evaluation']);
        expect(run(settings)['output']).not.toEqual(plain['output']);
      });
    });
  });
}
