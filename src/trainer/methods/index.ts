import type { MethodId, MethodSettings } from '#shared/domain/methods/index.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createBatchNorm } from './batchNorm.ts';
import { createBatchRenorm } from './batchRenorm.ts';
import { createFilterResponseNorm } from './filterResponseNorm.ts';
import { createGhostBatchNorm } from './ghostBatchNorm.ts';
import { createGroupNorm } from './groupNorm.ts';
import { createInstanceNorm } from './instanceNorm.ts';
import { createLayerNorm } from './layerNorm.ts';
import { createLayerNormInjectedNoise } from './layerNormInjectedNoise.ts';
import { createNoiseSeparatedBatchNorm } from './noiseSeparatedBatchNorm.ts';
import { createNone } from './none.ts';
import { createPopulationNorm } from './populationNorm.ts';
import { createPopulationNormGammaDecay } from './populationNormGammaDecay.ts';
import { createSwitchableNorm } from './switchableNorm.ts';
import { createWeightNorm } from './weightNorm.ts';
import { createWeightNormMeanOnlyBatchNorm } from './weightNormMeanOnlyBatchNorm.ts';
import { createWeightNormVarianceOnlyBatchNorm } from './weightNormVarianceOnlyBatchNorm.ts';
import { createWeightStandardization } from './weightStandardization.ts';

type MethodFactory<Id extends MethodId> = (
  layer: MethodLayer,
  settings: Extract<MethodSettings, { id: Id }>,
) => LayerMethod;

/** Computation of every method there is; a missing one is a compile error. */
const factories: { readonly [Id in MethodId]: MethodFactory<Id> } = {
  none: createNone,
  batchNorm: createBatchNorm,
  populationNorm: createPopulationNorm,
  populationNormGammaDecay: createPopulationNormGammaDecay,
  weightNorm: createWeightNorm,
  weightNormMeanOnlyBatchNorm: createWeightNormMeanOnlyBatchNorm,
  weightNormVarianceOnlyBatchNorm: createWeightNormVarianceOnlyBatchNorm,
  layerNorm: createLayerNorm,
  instanceNorm: createInstanceNorm,
  groupNorm: createGroupNorm,
  switchableNorm: createSwitchableNorm,
  ghostBatchNorm: createGhostBatchNorm,
  batchRenorm: createBatchRenorm,
  filterResponseNorm: createFilterResponseNorm,
  weightStandardization: createWeightStandardization,
  noiseSeparatedBatchNorm: createNoiseSeparatedBatchNorm,
  layerNormInjectedNoise: createLayerNormInjectedNoise,
};

/** The method's computation at one layer. */
export function createLayerMethod(settings: MethodSettings, layer: MethodLayer): LayerMethod {
  // The table pairs each id with the factory for its settings, which the compiler cannot follow here.
  const factory = factories[settings.id] as (layer: MethodLayer, settings: MethodSettings) => LayerMethod;
  return factory(layer, settings);
}
