import { z } from 'zod';
import type { FieldMeta, MethodDescription } from '../method.ts';

export const batchNormSchema = z.strictObject({
  id: z.literal('batchNorm'),
  epsilon: z
    .number()
    .positive()
    .max(1)
    .default(1e-5)
    .meta({
      title: 'Epsilon',
      symbol: 'ϵ',
      help: 'Added to the variance before its square root, so that a constant channel does not divide by zero.',
      advanced: true,
    } satisfies FieldMeta),
  runningMomentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .meta({
      title: 'Running momentum',
      help: 'How much of the running mean and variance is kept at each step; the rest comes from the batch.',
      advanced: true,
    } satisfies FieldMeta),
});

export const batchNorm = {
  id: 'batchNorm',
  name: 'Batch normalization',
  symbol: 'BN',
  help: 'Normalizes each channel with the mean and variance of the batch; evaluation uses their running averages.',
  source: 'Ioffe & Szegedy 2015; Luo et al. 2019, equation 1',
  schema: batchNormSchema,
  normalizes: true,
  needsBatch: true,
  style: { color: '#0072B2', dash: 'solid', marker: 'circle' },
} as const satisfies MethodDescription<typeof batchNormSchema>;
