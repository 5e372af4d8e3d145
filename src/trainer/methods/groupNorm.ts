import { reshape, type Tensor } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { groupNormSchema } from '#shared/domain/methods/groupNorm.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createPerImageNorm } from './perImageNorm.ts';
import { standardize } from './statistics.ts';

/**
 * Group normalization: out = γ(h − μ)/√(σ² + ϵ) + β; μ and biased σ² of one group of one image over
 * (H, W, C/G), or over C/G in a fully connected layer; γ and β are [C]. Groups are neighbouring
 * channels. G = 1 is layer normalization, G = C instance normalization.
 * Source: Wu & He 2018.
 */
export function createGroupNorm(layer: MethodLayer, { groups, epsilon }: z.infer<typeof groupNormSchema>): LayerMethod {
  return createPerImageNorm(layer, (h) => standardizeGroups(h, groups, epsilon));
}

export function standardizeGroups(h: Tensor, groups: number, epsilon: number): Tensor {
  const [channels = 0] = h.shape.slice(-1);
  const grouped = reshape(h, [...h.shape.slice(0, -1), groups, channels / groups]);
  // [M,H,W,G,C/G] or [M,G,C/G]: all but image and group.
  const axes = grouped.shape.map((_, axis) => axis).filter((axis) => axis !== 0 && axis !== grouped.rank - 2);
  return reshape(standardize(grouped, axes, epsilon), h.shape);
}
