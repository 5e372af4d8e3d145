import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { epsilonField } from './fields.ts';

export const layerNormSchema = z.strictObject({
  id: z.literal('layerNorm'),
  epsilon: epsilonField,
});

export const layerNorm = {
  id: 'layerNorm',
  name: 'Layer normalization',
  symbol: 'LN',
  help: 'Normalizes each image with the mean and variance of all values of the layer; the batch plays no part.',
  source: 'Ba, Kiros & Hinton 2016, arXiv 1607.06450',
  schema: layerNormSchema,
  normalizes: true,
  needsBatch: false,
  style: { color: '#6A3D9A', dash: 'dashed', marker: 'rect' },
} as const satisfies MethodDescription<typeof layerNormSchema>;
