import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { runningMomentumField, weightNormFields } from './fields.ts';

export const weightNormMeanOnlyBatchNormSchema = z.strictObject({
  id: z.literal('weightNormMeanOnlyBatchNorm'),
  ...weightNormFields,
  runningMomentum: runningMomentumField,
});

export const weightNormMeanOnlyBatchNorm = {
  id: 'weightNormMeanOnlyBatchNorm',
  name: 'Weight normalization with mean-only BN',
  symbol: 'WN+mean',
  help: 'Weight normalization that also subtracts the mean of the batch: only the mean’s noise.',
  source: 'Salimans & Kingma 2016; Luo et al. 2019, figure 3',
  schema: weightNormMeanOnlyBatchNormSchema,
  normalizes: true,
  needsBatch: true,
  style: { color: '#56B4E9', dash: 'solid', marker: 'rect' },
} as const satisfies MethodDescription<typeof weightNormMeanOnlyBatchNormSchema>;
