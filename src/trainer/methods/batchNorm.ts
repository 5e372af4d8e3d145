import type { Tensor1D } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { batchNormSchema } from '#shared/domain/methods/batchNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import {
  affineVariables,
  kernelVariable,
  logGammaSquared,
  normalizeByRunning,
  runningVariables,
  updateRunning,
} from './statistics.ts';

/**
 * Batch normalization: out = γ(h − μ)/√(σ² + ϵ) + β, h = wᵀx without bias; γ, β, μ, σ² are [C].
 *
 * Training: μ and σ² are mean and biased variance of the batch, over M (and H, W); gradients go
 * through both. Running averages start at 0 and 1 and move once a step, r ← m·r + (1 − m)·batch,
 * also with the biased variance. Evaluation: μ and σ² are the running averages.
 * γ starts at 1, β at 0. Statistics are float32 whatever the precision of the step.
 * Source: Ioffe & Szegedy 2015; Luo et al. 2019, equation 1.
 */
export function createBatchNorm(
  layer: MethodLayer,
  { epsilon, runningMomentum }: z.infer<typeof batchNormSchema>,
): LayerMethod {
  return {
    variables: {
      parameters: { kernel: kernelVariable(layer), ...affineVariables(layer) },
      statistics: runningVariables(layer),
    },
    forwardTraining({ linear, parameters, statistics, operations }) {
      const { output, ...batch } = operations.batchNormTraining(
        linear(requireTensor(parameters, 'kernel')),
        requireTensor(parameters, 'gamma') as Tensor1D,
        requireTensor(parameters, 'beta') as Tensor1D,
        epsilon,
      );
      return { output, statistics: updateRunning(statistics, batch, runningMomentum) };
    },
    forwardEvaluation: ({ linear, parameters, statistics }) =>
      normalizeByRunning(linear(requireTensor(parameters, 'kernel')), statistics, parameters, epsilon),
    logs: logGammaSquared,
  };
}
