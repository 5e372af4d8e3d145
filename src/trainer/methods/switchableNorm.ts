import { add, mean, mul, reshape, rsqrt, softmax, sub, unstack, type Tensor } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { switchableNormSchema } from '#shared/domain/methods/switchableNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerInputs, LayerMethod, MethodLayer, VariableDefinition } from './method.ts';
import {
  affineVariables,
  biasedVariance,
  kernelVariable,
  logGammaSquared,
  runningVariables,
  updateRunning,
} from './statistics.ts';

/** Mean and biased variance that broadcast against h. */
interface Moments {
  mean: Tensor;
  variance: Tensor;
}

/**
 * Switchable normalization: out = γ(h − μ)/√(σ² + ϵ) + β with μ = Σ_k w_k·μ_k and σ² = Σ_k w'_k·σ_k²
 * over k = instance, layer, batch (layer, batch in a fully connected layer). w and w' are two
 * softmaxes of trained logits `meanWeights` and `varianceWeights`, first 0, for the whole layer.
 *
 * All moments follow from those of each image's channels, (μ_i, σ_i²): of a larger set, the mean is the
 * mean of μ_i, the biased variance the mean of σ_i² plus the variance of μ_i.
 * Running averages are of the batch's part alone, and take its place in evaluation.
 * Source: Luo et al. 2018.
 */
export function createSwitchableNorm(
  layer: MethodLayer,
  { epsilon, runningMomentum }: z.infer<typeof switchableNormSchema>,
): LayerMethod {
  const weights: VariableDefinition = {
    shape: [layer.layer.type === 'convolution' ? 3 : 2],
    initial: { kind: 'constant', value: 0 },
  };

  const normalize = (h: Tensor, parts: Moments[], parameters: LayerInputs['parameters']): Tensor => {
    const mix = (logits: string, kind: keyof Moments): Tensor => {
      const shares = unstack(softmax(requireTensor(parameters, logits)));
      return parts.map((part, index) => mul(part[kind], shares[index] as Tensor)).reduce((sum, part) => add(sum, part));
    };
    const scale = mul(rsqrt(add(mix('varianceWeights', 'variance'), epsilon)), requireTensor(parameters, 'gamma'));
    return add(mul(sub(h, mix('meanWeights', 'mean')), scale), requireTensor(parameters, 'beta'));
  };

  return {
    variables: {
      parameters: {
        kernel: kernelVariable(layer),
        ...affineVariables(layer),
        meanWeights: weights,
        varianceWeights: weights,
      },
      statistics: runningVariables(layer),
    },
    forwardTraining({ linear, parameters, statistics }) {
      const h = linear(requireTensor(parameters, 'kernel'));
      const { ofImages, ofBatch } = momentsOf(h);
      const flat = (moment: Tensor): Tensor => reshape(moment, [-1]);
      return {
        output: normalize(h, [...ofImages, ofBatch], parameters),
        statistics: updateRunning(
          statistics,
          { mean: flat(ofBatch.mean), variance: flat(ofBatch.variance) },
          runningMomentum,
        ),
      };
    },
    forwardEvaluation({ linear, parameters, statistics }) {
      const h = linear(requireTensor(parameters, 'kernel'));
      const running: Moments = {
        mean: requireTensor(statistics, 'runningMean'),
        variance: requireTensor(statistics, 'runningVariance'),
      };
      return normalize(h, [...momentsOf(h).ofImages, running], parameters);
    },
    logs: logGammaSquared,
  };
}

/** Instance and layer moments of each image, and those of the batch. */
function momentsOf(h: Tensor): { ofImages: Moments[]; ofBatch: Moments } {
  const over = (axes: number[], { mean: means, variance }: Moments): Moments => ({
    mean: mean(means, axes, true),
    variance: add(mean(variance, axes, true), biasedVariance(means, axes)),
  });
  if (h.rank === 4) {
    const instance: Moments = { mean: mean(h, [1, 2], true), variance: biasedVariance(h, [1, 2]) };
    return { ofImages: [instance, over([3], instance)], ofBatch: over([0], instance) };
  }
  const ofAxis = (axis: number): Moments => ({ mean: mean(h, axis, true), variance: biasedVariance(h, [axis]) });
  return { ofImages: [ofAxis(1)], ofBatch: ofAxis(0) };
}
