import { concat, mean, split, stack, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { ghostBatchNormSchema } from '#shared/domain/methods/ghostBatchNorm.ts';
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
 * Ghost batch normalization: the batch is cut into ghost batches of m images, in their order, and
 * each is batch-normalized by itself with the same γ and β, [C]: out = γ(h − μ_g)/√(σ_g² + ϵ) + β.
 *
 * Running averages move once a step, by the average of the ghosts' means and that of their biased
 * variances. Evaluation uses them as batch normalization does.
 * Source: Hoffer, Hubara & Soudry 2017.
 */
export function createGhostBatchNorm(
  layer: MethodLayer,
  { ghostSize, epsilon, runningMomentum }: z.infer<typeof ghostBatchNormSchema>,
): LayerMethod {
  return {
    variables: {
      parameters: { kernel: kernelVariable(layer), ...affineVariables(layer) },
      statistics: runningVariables(layer),
    },
    forwardTraining({ linear, parameters, statistics, operations }) {
      const h = linear(requireTensor(parameters, 'kernel'));
      const gamma = requireTensor(parameters, 'gamma') as Tensor1D;
      const beta = requireTensor(parameters, 'beta') as Tensor1D;
      const ghostCount = h.shape[0] / ghostSize;
      // The library's gradient of a split into one part fails.
      const parts = ghostCount === 1 ? [h] : split(h, ghostCount, 0);
      const ghosts = parts.map((ghost) => operations.batchNormTraining(ghost, gamma, beta, epsilon));
      const average = (values: Tensor[]): Tensor => mean(stack(values), 0);
      const batch = {
        mean: average(ghosts.map((ghost) => ghost.mean)),
        variance: average(ghosts.map((ghost) => ghost.variance)),
      };
      return {
        output: concat(
          ghosts.map(({ output }) => output),
          0,
        ),
        statistics: updateRunning(statistics, batch, runningMomentum),
      };
    },
    forwardEvaluation: ({ linear, parameters, statistics }) =>
      normalizeByRunning(linear(requireTensor(parameters, 'kernel')), statistics, parameters, epsilon),
    logs: logGammaSquared,
  };
}
