import type { Tensor1D } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { populationNormSchema } from '#shared/domain/methods/populationNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import {
  affineVariables,
  channelVariable,
  kernelVariable,
  logGammaSquared,
  normalizeBy,
  renormalizeBatch,
} from './statistics.ts';

/**
 * Population normalization: out = γ(h − μ_P)/√(σ_P² + ϵ) + β; μ_P and biased σ_P² of h over n training
 * images (and H, W), [C], taken layer by layer before the step, so that each layer sees its input
 * normalized by the population too.
 *
 * Backward: `batchBackward` through the statistics of the batch, scaled to the population's (see
 * `renormalizeBatch`, without limits): then w·∇_w = 0 exactly, and the mean of the gradient is the
 * population's times 1 − 2/M. `stopGradient` takes μ_P and σ_P as constants.
 * Source: Luo et al. 2019, section 2; the paper is silent on the gradient.
 */
export function createPopulationNorm(
  layer: MethodLayer,
  { epsilon, backward, images, subset, refreshEvery }: Omit<z.infer<typeof populationNormSchema>, 'id'>,
): LayerMethod {
  const population = (statistics: Parameters<LayerMethod['logs']>[1]) => ({
    mean: requireTensor(statistics, 'populationMean'),
    variance: requireTensor(statistics, 'populationVariance'),
  });
  const forwardConstant: LayerMethod['forwardEvaluation'] = ({ linear, parameters, statistics }) =>
    normalizeBy(linear(requireTensor(parameters, 'kernel')), population(statistics), parameters, epsilon);
  return {
    variables: {
      parameters: { kernel: kernelVariable(layer), ...affineVariables(layer) },
      statistics: { populationMean: channelVariable(layer, 0), populationVariance: channelVariable(layer, 1) },
    },
    forwardTraining(inputs) {
      if (backward === 'stopGradient') return { output: forwardConstant(inputs) };
      const { linear, parameters, statistics, operations } = inputs;
      const h = linear(requireTensor(parameters, 'kernel'));
      return { output: renormalizeBatch(h, population(statistics), parameters, epsilon, operations).output };
    },
    forwardEvaluation: forwardConstant,
    population: {
      settings: { images, subset, refreshEvery },
      forward({ linear, parameters, operations }) {
        const { output, mean, variance } = operations.batchNormTraining(
          linear(requireTensor(parameters, 'kernel')),
          requireTensor(parameters, 'gamma') as Tensor1D,
          requireTensor(parameters, 'beta') as Tensor1D,
          epsilon,
        );
        return { output, statistics: { populationMean: mean, populationVariance: variance } };
      },
    },
    logs: logGammaSquared,
  };
}
