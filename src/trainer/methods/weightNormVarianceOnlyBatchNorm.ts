import { add, mul, rsqrt, squeeze, type Tensor } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { weightNormVarianceOnlyBatchNormSchema } from '#shared/domain/methods/weightNormVarianceOnlyBatchNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerInputs, LayerMethod, MethodLayer } from './method.ts';
import { batchAxes, biasedVariance, channelVariable, movingAverage } from './statistics.ts';
import { weightNormalized, weightNormExtras, weightNormVariables } from './weightNormKernel.ts';

/**
 * Weight normalization with variance-only batch normalization: h = (v/‖v‖)ᵀx, out = γh/√(σ_B² + ϵ) + β;
 * σ_B² is the biased variance of h over the batch, centred, [C], and the gradient goes through it; the
 * mean of h is not removed. ‖v‖ cancels but for ϵ.
 *
 * The running average of σ_B², first 1, takes its place in evaluation. The first batch may set
 * β = −μ/σ.
 * Source: Luo et al. 2019, figure 3.
 */
export function createWeightNormVarianceOnlyBatchNorm(
  layer: MethodLayer,
  settings: z.infer<typeof weightNormVarianceOnlyBatchNormSchema>,
): LayerMethod {
  const { epsilon, runningMomentum } = settings;
  const divide = (h: Tensor, variance: Tensor, { parameters }: LayerInputs): Tensor =>
    add(
      mul(h, mul(requireTensor(parameters, 'gamma'), rsqrt(add(variance, epsilon)))),
      requireTensor(parameters, 'beta'),
    );
  return {
    variables: { parameters: weightNormVariables(layer), statistics: { runningVariance: channelVariable(layer, 1) } },
    forwardTraining(inputs) {
      const h = weightNormalized(layer, inputs, null);
      const variance = squeeze(biasedVariance(h, batchAxes(h)), batchAxes(h));
      const running = requireTensor(inputs.statistics, 'runningVariance');
      return {
        output: divide(h, variance, inputs),
        statistics: { runningVariance: movingAverage(running, variance, runningMomentum) },
      };
    },
    forwardEvaluation: (inputs) =>
      divide(weightNormalized(layer, inputs, null), requireTensor(inputs.statistics, 'runningVariance'), inputs),
    ...weightNormExtras(layer, settings, 'variance'),
  };
}
