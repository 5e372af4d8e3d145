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
export function createLayerMethod<Id extends MethodId>(
  settings: Extract<MethodSettings, { id: Id }>,
  layer: MethodLayer,
): LayerMethod {
  const factory: MethodFactory<Id> = factories[settings.id as Id];
  return factory(layer, settings);
}
