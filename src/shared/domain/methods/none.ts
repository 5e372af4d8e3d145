import { z } from 'zod';
import type { MethodDescription } from '../method.ts';

export const noneSchema = z.strictObject({ id: z.literal('none') });

export const none = {
  id: 'none',
  name: 'No normalization',
  symbol: 'none',
  help: 'Every layer adds a bias and nothing else: the network as it was before normalization.',
  source: 'Luo et al. 2019, section 6 (SGD)',
  schema: noneSchema,
  normalizes: false,
  needsBatch: false,
  style: { color: '#8a8a8a', dash: 'solid', marker: 'circle' },
} as const satisfies MethodDescription<typeof noneSchema>;
