import { add, mul } from '@tensorflow/tfjs-core';
import type { z as zod } from 'zod';
import type { layerNormInjectedNoiseSchema } from '#shared/domain/methods/layerNormInjectedNoise.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createPerImageNorm } from './perImageNorm.ts';
import { imageAxes, standardize } from './statistics.ts';

/**
 * Layer normalization with the noise of a batch of M: out = γ[(1 + ε_σ)z + ε_μ] + β, z layer-normalized, with
 * ε_σ ~ N(0, (ρ + 2)/(4M)) and ε_μ ~ N(0, 1/M), one of each for a channel and step, [C]: the priors of batch
 * normalization's deviation and mean in units of σ_P. Evaluation is layer normalization.
 * Source: Luo et al. 2019, section 2 (priors); Ba, Kiros & Hinton 2016.
 */
export function createLayerNormInjectedNoise(
  layer: MethodLayer,
  { virtualBatchSize, excessKurtosis, epsilon }: zod.infer<typeof layerNormInjectedNoiseSchema>,
): LayerMethod {
  const shape = [layer.layer.channels];
  const deviationNoise = Math.sqrt((excessKurtosis + 2) / (4 * virtualBatchSize));
  const meanNoise = Math.sqrt(1 / virtualBatchSize);
  return createPerImageNorm(layer, (h) => standardize(h, imageAxes(h), epsilon), {
    drawsRandomNumbers: true,
    disturb(z, random) {
      const scale = add(mul(random.normal('deviation', shape), deviationNoise), 1);
      return add(mul(z, scale), mul(random.normal('mean', shape), meanNoise));
    },
  });
}
