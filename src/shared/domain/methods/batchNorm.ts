import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { epsilonField, runningMomentumField } from './fields.ts';

export const batchNormSchema = z.strictObject({
  id: z.literal('batchNorm'),
  epsilon: epsilonField,
  runningMomentum: runningMomentumField,
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
