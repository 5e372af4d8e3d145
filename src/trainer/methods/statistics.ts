import {
  add,
  customGrad,
  div,
  fill,
  matMul,
  mean,
  mul,
  reshape,
  rsqrt,
  square,
  sub,
  tensor1d,
  type Rank,
  type Scalar,
  type Tensor,
  type Tensor1D,
} from '@tensorflow/tfjs-core';
import type { StepOperations, TensorRecord } from '../engines/engine.ts';
import { requireTensor } from '../tensors.ts';
import type { MethodLayer, VariableDefinition } from './method.ts';

/** What the methods share: variables, moments and affine maps, in float32. */

/** Mean and biased variance of each channel, [C]. */
interface Moments {
  mean: Tensor;
  variance: Tensor;
}

/** A value for each channel of the layer, [C]. */
export function channelVariable({ layer }: MethodLayer, value: number): VariableDefinition {
  return { shape: [layer.channels], initial: { kind: 'constant', value } };
}

export function kernelVariable({ kernelShape, fanIn }: MethodLayer): VariableDefinition {
  return { shape: kernelShape, initial: { kind: 'heNormal', fanIn } };
}

/** Scale γ, first 1, and shift β, first 0. */
export function affineVariables(layer: MethodLayer): Record<'gamma' | 'beta', VariableDefinition> {
  return { gamma: channelVariable(layer, 1), beta: channelVariable(layer, 0) };
}

export function runningVariables(layer: MethodLayer): Record<'runningMean' | 'runningVariance', VariableDefinition> {
  return { runningMean: channelVariable(layer, 0), runningVariance: channelVariable(layer, 1) };
}

/** The axes that a channel's statistics of a batch go over: all but the last. */
export function batchAxes(h: Tensor): number[] {
  return h.shape.slice(0, -1).map((_, axis) => axis);
}

/** The axes of one image, channels too: all but the first. */
export function imageAxes(h: Tensor): number[] {
  return h.shape.slice(1).map((_, axis) => axis + 1);
}

/**
 * Sum over all axes but the last, [C]. As a product with ones: the library multiplies matrices on all
 * cores, but adds columns on one.
 */
export function channelSum(x: Tensor): Tensor1D {
  const channels = x.shape[x.rank - 1] ?? 1;
  const rows = x.size / channels;
  return reshape(matMul(fill<Rank.R2>([1, rows], 1), reshape(x, [rows, channels])), [channels]);
}

/** x + b, b [C]; its gradient sums as `channelSum` does. */
export function addToChannels(x: Tensor, b: Tensor): Tensor {
  return customGrad((...args) => {
    const [values, shift] = args as [Tensor, Tensor];
    return {
      value: add(values, shift),
      gradFunc: (upstream: Tensor) => [upstream.clone(), channelSum(upstream)],
    };
  })(x, b);
}

/** x·s, s [C]; its gradient sums as `channelSum` does. */
export function scaleChannels(x: Tensor, s: Tensor): Tensor {
  return customGrad((...args) => {
    const [values, scale, save] = args as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
    save([values, scale]);
    return {
      value: mul(values, scale),
      gradFunc: (upstream: Tensor, saved: Tensor[]) => {
        const [factor, savedScale] = saved as [Tensor, Tensor];
        return [mul(upstream, savedScale), channelSum(mul(upstream, factor))];
      },
    };
  })(x, s);
}

/** γx + β; γ and β by those names, [C]. */
export function scaleAndShift(x: Tensor, parameters: TensorRecord): Tensor {
  return addToChannels(scaleChannels(x, requireTensor(parameters, 'gamma')), requireTensor(parameters, 'beta'));
}

/** γ(h − μ)/√(σ² + ϵ) + β with given statistics. */
export function normalizeBy(h: Tensor, statistics: Moments, parameters: TensorRecord, epsilon: number): Tensor {
  const scale = mul(requireTensor(parameters, 'gamma'), rsqrt(add(statistics.variance, epsilon)));
  return addToChannels(scaleChannels(sub(h, statistics.mean), scale), requireTensor(parameters, 'beta'));
}

/** As `normalizeBy`, with the running averages. */
export function normalizeByRunning(
  h: Tensor,
  statistics: TensorRecord,
  parameters: TensorRecord,
  epsilon: number,
): Tensor {
  return normalizeBy(
    h,
    { mean: requireTensor(statistics, 'runningMean'), variance: requireTensor(statistics, 'runningVariance') },
    parameters,
    epsilon,
  );
}

/** r ← m·r + (1 − m)·batch. */
export function movingAverage(running: Tensor, batch: Tensor, momentum: number): Tensor {
  return add(mul(running, momentum), mul(batch, 1 - momentum));
}

/** The running averages after a step with these statistics of its batch. */
export function updateRunning(
  statistics: TensorRecord,
  batch: Moments,
  momentum: number,
): Record<'runningMean' | 'runningVariance', Tensor> {
  return {
    runningMean: movingAverage(requireTensor(statistics, 'runningMean'), batch.mean, momentum),
    runningVariance: movingAverage(requireTensor(statistics, 'runningVariance'), batch.variance, momentum),
  };
}

/**
 * Biased variance over axes, which are kept with length 1; from centred values, since the mean of
 * squares less the square of the mean cancels. Gradient: 2(x − μ)/n.
 */
export function biasedVariance(x: Tensor, axes: number[]): Tensor {
  const count = axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  return customGrad((...args) => {
    const [values, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const centred = sub(values, mean(values, axes, true));
    save([centred]);
    return {
      value: mean(square(centred), axes, true),
      gradFunc: (upstream: Tensor, saved: Tensor[]) => mul(saved[0] as Tensor, mul(upstream, 2 / count)),
    };
  })(x);
}

/**
 * z = (x − μ)/√(σ² + ϵ) with mean and biased variance over axes. Gradient with upstream u, through
 * both statistics: (u − mean u − z·mean(uz))/√(σ² + ϵ).
 */
export function standardize(x: Tensor, axes: number[], epsilon: number): Tensor {
  return customGrad((...args) => {
    const [values, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const centred = sub(values, mean(values, axes, true));
    const inverseDeviation = rsqrt(add(mean(square(centred), axes, true), epsilon));
    const standardized = mul(centred, inverseDeviation);
    save([standardized, inverseDeviation]);
    return {
      value: standardized,
      gradFunc: (upstream: Tensor, saved: Tensor[]) => {
        const [z, scale] = saved as [Tensor, Tensor];
        const projected = sub(sub(upstream, mean(upstream, axes, true)), mul(z, mean(mul(upstream, z), axes, true)));
        return mul(projected, scale);
      },
    };
  })(x);
}

/** Batch normalization without γ and β: z, and mean and biased variance of the batch, [C], without gradient. */
export function standardizeBatch(
  h: Tensor,
  epsilon: number,
  operations: StepOperations,
): { output: Tensor; mean: Tensor1D; variance: Tensor1D } {
  const channels = h.shape[h.rank - 1] ?? 0;
  return operations.batchNormTraining(
    h,
    tensor1d(new Float32Array(channels).fill(1)),
    tensor1d(new Float32Array(channels)),
    epsilon,
  );
}

/**
 * γ(z_B·r + d) + β with r = σ_B/σ and d = (μ_B − μ)/σ as constants, where z_B is h standardized by
 * its batch: forward γ(h − μ)/σ + β with the statistics given, as long as nothing is limited;
 * backward through the statistics of the batch. σ = √(variance + ϵ).
 * @param given The statistics, or what gives them by those of the batch.
 * @param limit What becomes of r and d, both [C].
 */
export function renormalizeBatch(
  h: Tensor,
  given: Moments | ((batch: { mean: Tensor1D; variance: Tensor1D }) => Moments),
  parameters: TensorRecord,
  epsilon: number,
  operations: StepOperations,
  limit: (r: Tensor, d: Tensor) => [r: Tensor, d: Tensor] = (r, d) => [r, d],
): { output: Tensor; mean: Tensor1D; variance: Tensor1D } {
  const batch = standardizeBatch(h, epsilon, operations);
  const used = typeof given === 'function' ? given(batch) : given;
  const inverseDeviation = rsqrt(add(used.variance, epsilon));
  const [r, d] = limit(
    div(inverseDeviation, rsqrt(add(batch.variance, epsilon))),
    mul(sub(batch.mean, used.mean), inverseDeviation),
  );
  const gamma = requireTensor(parameters, 'gamma');
  const shift = add(requireTensor(parameters, 'beta'), mul(gamma, d));
  return { ...batch, output: addToChannels(scaleChannels(batch.output, mul(gamma, r)), shift) };
}

/** Mean over channels of γ², for a curve of each layer. */
export function logGammaSquared(parameters: TensorRecord): { gammaSquared: Scalar } {
  return { gammaSquared: mean<Scalar>(square(requireTensor(parameters, 'gamma'))) };
}
