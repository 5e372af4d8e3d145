import type { Tensor1D } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { noiseSeparatedBatchNormSchema } from '#shared/domain/methods/noiseSeparatedBatchNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createPopulationNorm } from './populationNorm.ts';
import { renormalizeBatch } from './statistics.ts';

/**
 * Batch normalization whose mean's and deviation's noise can be had separately: in training
 * out = γ(h − μ)/√(σ² + ϵ) + β, each of μ and σ², [C], either of the batch (σ² biased, around the batch's own
 * mean) or of the population (as in population normalization, taken before each step).
 *
 * Backward, whichever are chosen: through the statistics of the batch, scaled and shifted to those used (see
 * `renormalizeBatch`), so that w·∇_w = 0 always and only the noise differs. With both of the batch that is
 * batch normalization, with both of the population it is population normalization.
 *
 * Evaluation, whichever are chosen: the statistics of the population.
 * Source: Luo et al. 2019, sections 2 and 3, on what μ_B and σ_B do each; the paper is silent on the gradient.
 */
export function createNoiseSeparatedBatchNorm(
  layer: MethodLayer,
  { mean, deviation, ...settings }: z.infer<typeof noiseSeparatedBatchNormSchema>,
): LayerMethod {
  const { epsilon } = settings;
  const withoutNoise = createPopulationNorm(layer, { ...settings, backward: 'batchBackward' });
  if (mean === 'population' && deviation === 'population') return withoutNoise;
  const hasBothNoises = mean === 'batch' && deviation === 'batch';
  return {
    ...withoutNoise,
    forwardTraining({ linear, parameters, statistics, operations }) {
      const h = linear(requireTensor(parameters, 'kernel'));
      if (hasBothNoises) {
        const gamma = requireTensor(parameters, 'gamma') as Tensor1D;
        const beta = requireTensor(parameters, 'beta') as Tensor1D;
        return { output: operations.batchNormTraining(h, gamma, beta, epsilon).output };
      }
      const used = (batch: { mean: Tensor1D; variance: Tensor1D }) => ({
        mean: mean === 'batch' ? batch.mean : requireTensor(statistics, 'populationMean'),
        variance: deviation === 'batch' ? batch.variance : requireTensor(statistics, 'populationVariance'),
      });
      return { output: renormalizeBatch(h, used, parameters, epsilon, operations).output };
    },
  };
}
