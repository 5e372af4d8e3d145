import { z } from 'zod';
import type { FieldMeta, MethodDescription } from '../method.ts';
import { epsilonField, runningMomentumField } from './fields.ts';

export const batchRenormSchema = z.strictObject({
  id: z.literal('batchRenorm'),
  rMax: z
    .number()
    .min(1)
    .max(1e6)
    .default(3)
    .meta({
      title: 'Largest scale correction',
      symbol: 'r_max',
      help: 'Limits σ_B/σ to between 1/r_max and r_max; 1 together with d_max 0 is batch normalization.',
    } satisfies FieldMeta),
  dMax: z
    .number()
    .min(0)
    .max(1e6)
    .default(5)
    .meta({
      title: 'Largest shift correction',
      symbol: 'd_max',
      help: 'Limits (μ_B − μ)/σ to between −d_max and d_max.',
    } satisfies FieldMeta),
  epsilon: epsilonField,
  runningMomentum: runningMomentumField,
});

export const batchRenorm = {
  id: 'batchRenorm',
  name: 'Batch renormalization',
  symbol: 'BRN',
  help: 'Batch normalization corrected towards the running statistics, within limits; the gradient goes through the batch.',
  source: 'Ioffe 2017, arXiv 1702.03275',
  schema: batchRenormSchema,
  normalizes: true,
  needsBatch: true,
  style: { color: '#0F8B8D', dash: 'dashed', marker: 'circle' },
} as const satisfies MethodDescription<typeof batchRenormSchema>;
