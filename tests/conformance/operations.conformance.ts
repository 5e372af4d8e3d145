import { conv2d, matMul, maxPool, mul, sum, valueAndGrads, add, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { Engine, StepBody, TensorRecord } from '#trainer/engines/engine.ts';
import * as reference from './float64Reference.ts';
import {
  expectClose,
  input,
  runOnce,
  stepVariants,
  variantTitle,
  imagesInput,
  matrixInput,
  vectorInput,
} from './stepTools.ts';

/** Body with `output`, and the gradients of Σ upstream·output with respect to the named inputs. */
export function outputAndGradients(
  names: readonly string[],
  forward: (inputs: TensorRecord, operations: Parameters<StepBody>[1]) => Tensor,
): StepBody {
  return (inputs, operations) => {
    const loss = (...values: Tensor[]): Tensor => {
      const moved = Object.fromEntries(names.map((name, index) => [name, values[index] as Tensor]));
      return sum(mul(forward({ ...inputs, ...moved }, operations), input(inputs, 'upstream')));
    };
    const { grads } = valueAndGrads(loss)(names.map((name) => input(inputs, name)));
    return {
      output: forward(inputs, operations),
      ...Object.fromEntries(names.map((name, index) => [`gradient/${name}`, grads[index] as Tensor])),
    };
  };
}

/** Values and gradients of the operations of a step, in every variant, against float64. */
export function describeOperations(engine: () => Engine): void {
  describe.each(stepVariants.map((variant) => [variantTitle(variant), variant] as const))('%s', (_title, variant) => {
    it.each([
      ['[M,H,W,C]', [2, 3, 4, 3]],
      ['[M,C]', [7, 3]],
    ])('normalizes a batch of shape %s with its own statistics', (_name, shape) => {
      const x = reference.testValues(
        shape.reduce((a, b) => a * b),
        3,
      );
      const upstream = reference.testValues(x.length, 5);
      const gamma = Float64Array.of(1.5, -0.5, 0.25);
      const beta = Float64Array.of(0.5, -1, 2);
      const epsilon = 1e-5;
      const { output, mean, variance } = reference.batchNorm(x, gamma, beta, epsilon);
      const body: StepBody = (inputs, operations) => {
        const normalize = (all: TensorRecord): ReturnType<typeof operations.batchNormTraining> =>
          operations.batchNormTraining(input(all, 'x'), vectorInput(all, 'gamma'), vectorInput(all, 'beta'), epsilon);
        const { mean, variance } = normalize(inputs);
        return {
          mean,
          variance,
          ...outputAndGradients(['x', 'gamma', 'beta'], (all) => normalize(all).output)(inputs, operations),
        };
      };
      const results = runOnce(
        engine(),
        variant,
        {
          x: { shape, values: x },
          gamma: { shape: [3], values: gamma },
          beta: { shape: [3], values: beta },
          upstream: { shape, values: upstream },
        },
        body,
      );
      const loss = (a: Float64Array, b: Float64Array, c: Float64Array): number =>
        reference.dot(reference.batchNorm(a, b, c, epsilon).output, upstream);
      expectClose(results['output'], output);
      expectClose(results['mean'], mean);
      expectClose(results['variance'], variance);
      expectClose(
        results['gradient/x'],
        reference.numericGradient((moved) => loss(moved, gamma, beta), x),
      );
      expectClose(
        results['gradient/gamma'],
        reference.numericGradient((moved) => loss(x, moved, beta), gamma),
      );
      expectClose(
        results['gradient/beta'],
        reference.numericGradient((moved) => loss(x, gamma, moved), beta),
      );
    });

    it('gives the statistics of a batch no gradient', () => {
      const body =
        (weight: number): StepBody =>
        (inputs, operations) =>
          outputAndGradients(['x'], (all) => {
            const { output, mean, variance } = operations.batchNormTraining(
              input(all, 'x'),
              vectorInput(all, 'gamma'),
              vectorInput(all, 'beta'),
              1e-3,
            );
            return add(output, mul(add(mean, variance), weight));
          })(inputs, operations);
      const inputs = {
        x: { shape: [5, 2], values: reference.testValues(10) },
        gamma: { shape: [2], values: [1, 2] },
        beta: { shape: [2], values: [0, 1] },
        upstream: { shape: [5, 2], values: reference.testValues(10, 9) },
      };
      const without = runOnce(engine(), variant, inputs, body(0));
      const withStatistics = runOnce(engine(), variant, inputs, body(3));
      expect(withStatistics['gradient/x']).toEqual(without['gradient/x']);
    });

    it('normalizes a single sample to β', () => {
      const results = runOnce(
        engine(),
        variant,
        {
          x: { shape: [1, 2], values: [3, -4] },
          gamma: { shape: [2], values: [2, 2] },
          beta: { shape: [2], values: [0.5, -0.5] },
        },
        (inputs, operations) => ({
          ...operations.batchNormTraining(
            input(inputs, 'x'),
            vectorInput(inputs, 'gamma'),
            vectorInput(inputs, 'beta'),
            1e-5,
          ),
        }),
      );
      expectClose(results['output'], [0.5, -0.5]);
      expectClose(results['mean'], [3, -4]);
      expectClose(results['variance'], [0, 0]);
    });

    it('gives softmax cross-entropy and its gradient', () => {
      const logits = reference.testValues(12, 2);
      const labels = [2, 0, 3];
      const upstream = Float64Array.of(1, -2, 0.5);
      const results = runOnce(
        engine(),
        variant,
        {
          logits: { shape: [3, 4], values: logits },
          labels: { shape: [3], values: labels, dtype: 'int32' },
          upstream: { shape: [3], values: upstream },
        },
        outputAndGradients(['logits'], (all, operations) =>
          operations.softmaxCrossEntropy(matrixInput(all, 'logits'), vectorInput(all, 'labels')),
        ),
      );
      expectClose(results['output'], reference.softmaxCrossEntropy(logits, labels));
      expectClose(
        results['gradient/logits'],
        reference.numericGradient(
          (moved) => reference.dot(reference.softmaxCrossEntropy(moved, labels), upstream),
          logits,
        ),
      );
    });

    it('keeps softmax cross-entropy finite for huge logits', () => {
      const results = runOnce(
        engine(),
        variant,
        {
          logits: { shape: [2, 3], values: [1000, -1000, 0, -1e4, 1e4, 1e4] },
          labels: { shape: [2], values: [1, 2], dtype: 'int32' },
          upstream: { shape: [2], values: [1, 1] },
        },
        outputAndGradients(['logits'], (all, operations) =>
          operations.softmaxCrossEntropy(matrixInput(all, 'logits'), vectorInput(all, 'labels')),
        ),
      );
      expectClose(results['output'], [2000, Math.LN2]);
      expectClose(results['gradient/logits'], [1, -1, 0, 0, 0.5, -0.5]);
    });

    it('rectifies, with gradient 0 at and below zero', () => {
      const results = runOnce(
        engine(),
        variant,
        { x: { shape: [4], values: [-2, 0, 0.5, 3] }, upstream: { shape: [4], values: [5, 6, 7, 8] } },
        outputAndGradients(['x'], (all, operations) => operations.relu(input(all, 'x'))),
      );
      expectClose(results['output'], [0, 0, 0.5, 3]);
      expectClose(results['gradient/x'], [0, 0, 7, 8]);
    });

    it('convolves, with both gradients', () => {
      const shape = [2, 4, 4, 2] as const;
      const filterShape = [3, 3, 2, 3] as const;
      const x = reference.testValues(64, 4);
      const filter = reference.testValues(54, 6);
      const upstream = reference.testValues(96, 7);
      const loss = (a: Float64Array, b: Float64Array): number =>
        reference.dot(reference.conv2dSame(a, shape, b, filterShape), upstream);
      const results = runOnce(
        engine(),
        variant,
        {
          x: { shape: [...shape], values: x },
          filter: { shape: [...filterShape], values: filter },
          upstream: { shape: [2, 4, 4, 3], values: upstream },
        },
        outputAndGradients(['x', 'filter'], (all) =>
          conv2d(imagesInput(all, 'x'), imagesInput(all, 'filter'), 1, 'same'),
        ),
      );
      expectClose(results['output'], reference.conv2dSame(x, shape, filter, filterShape));
      expectClose(
        results['gradient/x'],
        reference.numericGradient((moved) => loss(moved, filter), x),
      );
      expectClose(
        results['gradient/filter'],
        reference.numericGradient((moved) => loss(x, moved), filter),
      );
    });

    it('pools by maximum, with its gradient', () => {
      const shape = [2, 4, 4, 2] as const;
      const x = reference.testValues(64, 8);
      const upstream = reference.testValues(16, 9);
      const results = runOnce(
        engine(),
        variant,
        { x: { shape: [...shape], values: x }, upstream: { shape: [2, 2, 2, 2], values: upstream } },
        outputAndGradients(['x'], (all) => maxPool(imagesInput(all, 'x'), 2, 2, 'valid')),
      );
      expectClose(results['output'], reference.maxPool2(x, shape));
      expectClose(
        results['gradient/x'],
        reference.numericGradient((moved) => reference.dot(reference.maxPool2(moved, shape), upstream), x),
      );
    });

    it('multiplies matrices, with both gradients', () => {
      const a = reference.testValues(12, 10);
      const b = reference.testValues(8, 11);
      const upstream = reference.testValues(6, 12);
      const loss = (left: Float64Array, right: Float64Array): number =>
        reference.dot(reference.matMul(left, right, 4), upstream);
      const results = runOnce(
        engine(),
        variant,
        {
          a: { shape: [3, 4], values: a },
          b: { shape: [4, 2], values: b },
          upstream: { shape: [3, 2], values: upstream },
        },
        outputAndGradients(['a', 'b'], (all) => matMul(matrixInput(all, 'a'), matrixInput(all, 'b'))),
      );
      expectClose(results['output'], reference.matMul(a, b, 4));
      expectClose(
        results['gradient/a'],
        reference.numericGradient((moved) => loss(moved, b), a),
      );
      expectClose(
        results['gradient/b'],
        reference.numericGradient((moved) => loss(a, moved), b),
      );
    });
  });
}
