import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { epsilonField, runningMomentumField } from './fields.ts';

export const switchableNormSchema = z.strictObject({
  id: z.literal('switchableNorm'),
  epsilon: epsilonField,
  runningMomentum: runningMomentumField,
});

export const switchableNorm = {
  id: 'switchableNorm',
  name: 'Switchable normalization',
  symbol: 'SN',
  help: 'Mixes the statistics of instance, layer and batch normalization with learned weights.',
  source: 'Luo et al. 2018, arXiv 1806.10779',
  schema: switchableNormSchema,
  normalizes: true,
  needsBatch: true,
  style: { color: '#332288', dash: 'dotted', marker: 'rect' },
} as const satisfies MethodDescription<typeof switchableNormSchema>;
