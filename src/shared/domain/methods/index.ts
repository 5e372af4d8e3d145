import { z } from 'zod';
import type { MethodContext, MethodDescription, MethodProblem } from '../method.ts';
import { batchNorm, batchNormSchema } from './batchNorm.ts';
import { batchRenorm, batchRenormSchema } from './batchRenorm.ts';
import { filterResponseNorm, filterResponseNormSchema } from './filterResponseNorm.ts';
import { ghostBatchNorm, ghostBatchNormSchema } from './ghostBatchNorm.ts';
import { groupNorm, groupNormSchema } from './groupNorm.ts';
import { instanceNorm, instanceNormSchema } from './instanceNorm.ts';
import { layerNorm, layerNormSchema } from './layerNorm.ts';
import { layerNormInjectedNoise, layerNormInjectedNoiseSchema } from './layerNormInjectedNoise.ts';
import { noiseSeparatedBatchNorm, noiseSeparatedBatchNormSchema } from './noiseSeparatedBatchNorm.ts';
import { none, noneSchema } from './none.ts';
import { populationNorm, populationNormSchema } from './populationNorm.ts';
import { populationNormGammaDecay, populationNormGammaDecaySchema } from './populationNormGammaDecay.ts';
import { switchableNorm, switchableNormSchema } from './switchableNorm.ts';
import { weightNorm, weightNormSchema } from './weightNorm.ts';
import { weightNormMeanOnlyBatchNorm, weightNormMeanOnlyBatchNormSchema } from './weightNormMeanOnlyBatchNorm.ts';
import {
  weightNormVarianceOnlyBatchNorm,
  weightNormVarianceOnlyBatchNormSchema,
} from './weightNormVarianceOnlyBatchNorm.ts';
import { weightStandardization, weightStandardizationSchema } from './weightStandardization.ts';

/** Schema of `method` in a run document: one member a method. */
export const methodSchema = z.discriminatedUnion('id', [
  noneSchema,
  batchNormSchema,
  populationNormSchema,
  populationNormGammaDecaySchema,
  weightNormSchema,
  weightNormMeanOnlyBatchNormSchema,
  weightNormVarianceOnlyBatchNormSchema,
  layerNormSchema,
  instanceNormSchema,
  groupNormSchema,
  switchableNormSchema,
  ghostBatchNormSchema,
  batchRenormSchema,
  filterResponseNormSchema,
  weightStandardizationSchema,
  noiseSeparatedBatchNormSchema,
  layerNormInjectedNoiseSchema,
]);

export type MethodSettings = z.infer<typeof methodSchema>;
export type MethodId = MethodSettings['id'];

/** Descriptions of all methods, in the order in which they are offered. */
export const methods: { readonly [Id in MethodId]: MethodDescription } = {
  none,
  batchNorm,
  populationNorm,
  populationNormGammaDecay,
  weightNorm,
  weightNormMeanOnlyBatchNorm,
  weightNormVarianceOnlyBatchNorm,
  layerNorm,
  instanceNorm,
  groupNorm,
  switchableNorm,
  ghostBatchNorm,
  batchRenorm,
  filterResponseNorm,
  weightStandardization,
  noiseSeparatedBatchNorm,
  layerNormInjectedNoise,
};

export const methodIds = Object.keys(methods) as MethodId[];

/** The first thing in a method's settings that does not fit the run; null where all does. */
export function findMethodProblem(settings: MethodSettings, context: MethodContext): MethodProblem | null {
  return methods[settings.id].findProblem?.(settings, context) ?? null;
}
