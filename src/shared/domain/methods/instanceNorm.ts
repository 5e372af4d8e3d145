import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { epsilonField } from './fields.ts';

export const instanceNormSchema = z.strictObject({
  id: z.literal('instanceNorm'),
  epsilon: epsilonField,
});

export const instanceNorm = {
  id: 'instanceNorm',
  name: 'Instance normalization',
  symbol: 'IN',
  help: 'Normalizes each channel of each image over its positions; fully connected layers use layer normalization.',
  source: 'Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022',
  schema: instanceNormSchema,
  normalizes: true,
  needsBatch: false,
  style: { color: '#8C564B', dash: 'dashed', marker: 'triangle' },
} as const satisfies MethodDescription<typeof instanceNormSchema>;
