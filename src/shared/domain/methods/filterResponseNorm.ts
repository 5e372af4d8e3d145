import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { epsilonField } from './fields.ts';

export const filterResponseNormSchema = z.strictObject({
  id: z.literal('filterResponseNorm'),
  epsilon: epsilonField,
});

export const filterResponseNorm = {
  id: 'filterResponseNorm',
  name: 'Filter response normalization',
  symbol: 'FRN',
  help: 'Divides each channel of each image by its root mean square, and thresholds at a learned value instead of ReLU.',
  source: 'Singh & Krishnan 2019, arXiv 1911.09737',
  schema: filterResponseNormSchema,
  normalizes: true,
  needsBatch: false,
  style: { color: '#A6761D', dash: 'dotted', marker: 'triangle' },
} as const satisfies MethodDescription<typeof filterResponseNormSchema>;
