import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { epsilonField, runningMomentumField, weightNormFields } from './fields.ts';

export const weightNormVarianceOnlyBatchNormSchema = z.strictObject({
  id: z.literal('weightNormVarianceOnlyBatchNorm'),
  ...weightNormFields,
  epsilon: epsilonField,
  runningMomentum: runningMomentumField,
});

export const weightNormVarianceOnlyBatchNorm = {
  id: 'weightNormVarianceOnlyBatchNorm',
  name: 'Weight normalization with variance-only BN',
  symbol: 'WN+var',
  help: 'Weight normalization that also divides by the deviation of the batch: only the deviation’s noise.',
  source: 'Luo et al. 2019, figure 3',
  schema: weightNormVarianceOnlyBatchNormSchema,
  normalizes: true,
  needsBatch: true,
  style: { color: '#B08A00', dash: 'solid', marker: 'diamond' },
} as const satisfies MethodDescription<typeof weightNormVarianceOnlyBatchNormSchema>;
