import type { z } from 'zod';
import type { instanceNormSchema } from '#shared/domain/methods/instanceNorm.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createPerImageNorm } from './perImageNorm.ts';
import { imageAxes, standardize } from './statistics.ts';

/**
 * Instance normalization: out = γ(h − μ)/√(σ² + ϵ) + β; μ and biased σ² of one channel of one image
 * over (H, W); γ and β are [C]. A channel of a fully connected layer has one value, which its own
 * mean would delete: such layers get layer normalization.
 * Source: Ulyanov, Vedaldi & Lempitsky 2016.
 */
export function createInstanceNorm(layer: MethodLayer, { epsilon }: z.infer<typeof instanceNormSchema>): LayerMethod {
  return createPerImageNorm(layer, (h) => standardize(h, h.rank === 4 ? [1, 2] : imageAxes(h), epsilon));
}
