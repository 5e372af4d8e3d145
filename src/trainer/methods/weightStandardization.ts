import type { Tensor } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { weightStandardizationSchema } from '#shared/domain/methods/weightStandardization.ts';
import { standardizeGroups } from './groupNorm.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createPerImageNorm } from './perImageNorm.ts';
import { batchAxes, standardize } from './statistics.ts';

/**
 * Weight standardization, then group normalization: h = ŵᵀx with ŵ = (w − μ_w)/√(σ_w² + ϵ); μ_w and
 * biased σ_w² of one output channel over all its inputs.
 * Source: Qiao et al. 2019.
 */
export function createWeightStandardization(
  layer: MethodLayer,
  { groups, epsilon }: z.infer<typeof weightStandardizationSchema>,
): LayerMethod {
  return createPerImageNorm(layer, (h) => standardizeGroups(h, groups, epsilon), {
    prepareKernel: (kernel) => standardizeKernel(kernel, epsilon),
  });
}

/** (w − mean)/√(var + ϵ) of every output channel: over all axes but the last. */
export function standardizeKernel(kernel: Tensor, epsilon: number): Tensor {
  return standardize(kernel, batchAxes(kernel), epsilon);
}
