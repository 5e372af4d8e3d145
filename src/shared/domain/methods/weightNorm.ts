import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { weightNormFields } from './fields.ts';

export const weightNormSchema = z.strictObject({
  id: z.literal('weightNorm'),
  ...weightNormFields,
});

export const weightNorm = {
  id: 'weightNorm',
  name: 'Weight normalization',
  symbol: 'WN',
  help: 'Divides the weights of each output channel by their norm and gives it a learned scale; without noise.',
  source: 'Salimans & Kingma 2016; Luo et al. 2019, section 2.2',
  schema: weightNormSchema,
  normalizes: true,
  needsBatch: false,
  style: { color: '#009E73', dash: 'solid', marker: 'triangle' },
} as const satisfies MethodDescription<typeof weightNormSchema>;
