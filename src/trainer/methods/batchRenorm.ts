import { clipByValue } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { batchRenormSchema } from '#shared/domain/methods/batchRenorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import {
  affineVariables,
  kernelVariable,
  logGammaSquared,
  normalizeByRunning,
  renormalizeBatch,
  runningVariables,
  updateRunning,
} from './statistics.ts';

/**
 * Batch renormalization: out = γ(z_B·r + d) + β, z_B = (h − μ_B)/σ_B, with r = σ_B/σ limited to
 * [1/r_max, r_max] and d = (μ_B − μ)/σ to ±d_max; both are constants in the gradient. μ and σ² are the
 * running averages before this step moves them; σ = √(variance + ϵ). All are [C].
 *
 * Where nothing is limited, that is (h − μ)/σ forward, and batch normalization backward. Running
 * averages and evaluation as in batch normalization.
 * Source: Ioffe 2017; there the limits widen during training, here they are constant.
 */
export function createBatchRenorm(
  layer: MethodLayer,
  { rMax, dMax, epsilon, runningMomentum }: z.infer<typeof batchRenormSchema>,
): LayerMethod {
  return {
    variables: {
      parameters: { kernel: kernelVariable(layer), ...affineVariables(layer) },
      statistics: runningVariables(layer),
    },
    forwardTraining({ linear, parameters, statistics, operations }) {
      const { output, ...batch } = renormalizeBatch(
        linear(requireTensor(parameters, 'kernel')),
        { mean: requireTensor(statistics, 'runningMean'), variance: requireTensor(statistics, 'runningVariance') },
        parameters,
        epsilon,
        operations,
        (r, d) => [clipByValue(r, 1 / rMax, rMax), clipByValue(d, -dMax, dMax)],
      );
      return { output, statistics: updateRunning(statistics, batch, runningMomentum) };
    },
    forwardEvaluation: ({ linear, parameters, statistics }) =>
      normalizeByRunning(linear(requireTensor(parameters, 'kernel')), statistics, parameters, epsilon),
    logs: logGammaSquared,
  };
}
