import { add, mean, sub, type Tensor } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { weightNormMeanOnlyBatchNormSchema } from '#shared/domain/methods/weightNormMeanOnlyBatchNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerInputs, LayerMethod, MethodLayer } from './method.ts';
import { batchAxes, channelVariable, movingAverage } from './statistics.ts';
import { weightNormalized, weightNormExtras, weightNormVariables } from './weightNormKernel.ts';

/**
 * Weight normalization with mean-only batch normalization: t = γ(v/‖v‖)ᵀx, out = t − μ_B + β; μ_B is
 * the mean of t over the batch, [C], and the gradient goes through it.
 *
 * The running average of μ_B, first 0, takes its place in evaluation. The first batch may set γ = 1/σ.
 * Source: Salimans & Kingma 2016; Luo et al. 2019, figure 3.
 */
export function createWeightNormMeanOnlyBatchNorm(
  layer: MethodLayer,
  settings: z.infer<typeof weightNormMeanOnlyBatchNormSchema>,
): LayerMethod {
  const scaled = (inputs: LayerInputs): Tensor =>
    weightNormalized(layer, inputs, requireTensor(inputs.parameters, 'gamma'));
  return {
    variables: { parameters: weightNormVariables(layer), statistics: { runningMean: channelVariable(layer, 0) } },
    forwardTraining(inputs) {
      const t = scaled(inputs);
      const batchMean = mean(t, batchAxes(t));
      const running = requireTensor(inputs.statistics, 'runningMean');
      return {
        output: add(t, sub(requireTensor(inputs.parameters, 'beta'), batchMean)),
        statistics: { runningMean: movingAverage(running, batchMean, settings.runningMomentum) },
      };
    },
    forwardEvaluation: (inputs) =>
      add(
        scaled(inputs),
        sub(requireTensor(inputs.parameters, 'beta'), requireTensor(inputs.statistics, 'runningMean')),
      ),
    ...weightNormExtras(layer, settings, 'mean'),
  };
}
