import type { z } from 'zod';
import type { layerNormSchema } from '#shared/domain/methods/layerNorm.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createPerImageNorm } from './perImageNorm.ts';
import { imageAxes, standardize } from './statistics.ts';

/**
 * Layer normalization: out = γ(h − μ)/√(σ² + ϵ) + β; μ and biased σ² of one image over (H, W, C), or
 * over C in a fully connected layer; γ and β are [C].
 * Source: Ba, Kiros & Hinton 2016.
 */
export function createLayerNorm(layer: MethodLayer, { epsilon }: z.infer<typeof layerNormSchema>): LayerMethod {
  return createPerImageNorm(layer, (h) => standardize(h, imageAxes(h), epsilon));
}
