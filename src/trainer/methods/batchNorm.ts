import { add, mean, mul, rsqrt, square, sub, type Scalar, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { batchNormSchema } from '#shared/domain/methods/batchNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';

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
  { kernelShape, fanIn, layer }: MethodLayer,
  { epsilon, runningMomentum }: z.infer<typeof batchNormSchema>,
): LayerMethod {
  const constant = (value: number) => ({ shape: [layer.channels], initial: { kind: 'constant', value } }) as const;
  const updateRunning = (running: Tensor, batch: Tensor): Tensor =>
    add(mul(running, runningMomentum), mul(batch, 1 - runningMomentum));
  return {
    variables: {
      parameters: {
        kernel: { shape: kernelShape, initial: { kind: 'heNormal', fanIn } },
        gamma: constant(1),
        beta: constant(0),
      },
      statistics: { runningMean: constant(0), runningVariance: constant(1) },
    },
    forwardTraining({ linear, parameters, statistics, operations }) {
      const { output, mean, variance } = operations.batchNormTraining(
        linear(requireTensor(parameters, 'kernel')),
        requireTensor(parameters, 'gamma') as Tensor1D,
        requireTensor(parameters, 'beta') as Tensor1D,
        epsilon,
      );
      return {
        output,
        statistics: {
          runningMean: updateRunning(requireTensor(statistics, 'runningMean'), mean),
          runningVariance: updateRunning(requireTensor(statistics, 'runningVariance'), variance),
        },
      };
    },
    forwardEvaluation({ linear, parameters, statistics }) {
      const h = linear(requireTensor(parameters, 'kernel'));
      const inverseDeviation = rsqrt(add(requireTensor(statistics, 'runningVariance'), epsilon));
      const centred = sub(h, requireTensor(statistics, 'runningMean'));
      return add(
        mul(centred, mul(requireTensor(parameters, 'gamma'), inverseDeviation)),
        requireTensor(parameters, 'beta'),
      );
    },
    logs: (parameters) => ({ gammaSquared: mean<Scalar>(square(requireTensor(parameters, 'gamma'))) }),
  };
}
