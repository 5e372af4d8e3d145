import type { z } from 'zod';
import type { weightNormSchema } from '#shared/domain/methods/weightNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { addToChannels } from './statistics.ts';
import { weightNormalized, weightNormExtras, weightNormVariables } from './weightNormKernel.ts';

/**
 * Weight normalization: out = γ(v/‖v‖)ᵀx + β; v is shaped like the kernel, ‖v‖ is over all axes but
 * the last and without ϵ, γ and β are [C]. With gamma decay the loss gets ζ·Σγ², gradient 2ζγ.
 *
 * γ starts at 1 and β at 0, or by the first batch: γ = 1/σ, β = −μ/σ of (v/‖v‖)ᵀx. Evaluation does as
 * training does.
 * Source: Salimans & Kingma 2016; Luo et al. 2019, section 2.2.
 */
export function createWeightNorm(layer: MethodLayer, settings: z.infer<typeof weightNormSchema>): LayerMethod {
  const forward: LayerMethod['forwardEvaluation'] = (inputs) =>
    addToChannels(
      weightNormalized(layer, inputs, requireTensor(inputs.parameters, 'gamma')),
      requireTensor(inputs.parameters, 'beta'),
    );
  return {
    variables: { parameters: weightNormVariables(layer), statistics: {} },
    forwardTraining: (inputs) => ({ output: forward(inputs) }),
    forwardEvaluation: forward,
    ...weightNormExtras(layer, settings, 'neither'),
  };
}
