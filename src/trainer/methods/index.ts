import type { MethodId, MethodSettings } from '#shared/domain/methods/index.ts';
import { createBatchNorm } from './batchNorm.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createNone } from './none.ts';

type MethodFactory<Id extends MethodId> = (
  layer: MethodLayer,
  settings: Extract<MethodSettings, { id: Id }>,
) => LayerMethod;

/** Computation of every method there is; a missing one is a compile error. */
const factories: { readonly [Id in MethodId]: MethodFactory<Id> } = {
  none: createNone,
  batchNorm: createBatchNorm,
};

/** The method's computation at one layer. */
export function createLayerMethod(settings: MethodSettings, layer: MethodLayer): LayerMethod {
  // The table pairs each id with the factory for its settings, which the compiler cannot follow here.
  const factory = factories[settings.id] as (layer: MethodLayer, settings: MethodSettings) => LayerMethod;
  return factory(layer, settings);
}
