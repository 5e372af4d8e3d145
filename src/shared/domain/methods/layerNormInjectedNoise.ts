import { z } from 'zod';
import type { FieldMeta, MethodDescription } from '../method.ts';
import { epsilonField } from './fields.ts';

export const layerNormInjectedNoiseSchema = z.strictObject({
  id: z.literal('layerNormInjectedNoise'),
  virtualBatchSize: z
    .int()
    .min(2)
    .max(65_536)
    .default(64)
    .meta({
      title: 'Virtual batch size',
      symbol: 'M',
      help: 'The batch size whose noise is injected: variance 1/M in the mean, (ρ + 2)/(4M) in the deviation.',
    } satisfies FieldMeta),
  excessKurtosis: z
    .number()
    .min(-2)
    .max(1000)
    .default(0)
    .meta({
      title: 'Excess kurtosis',
      symbol: 'ρ',
      help: 'Of the values whose deviation’s noise is injected; 0 is a normal distribution’s.',
      advanced: true,
    } satisfies FieldMeta),
  epsilon: epsilonField,
});

export const layerNormInjectedNoise = {
  id: 'layerNormInjectedNoise',
  name: 'Layer normalization with injected noise',
  symbol: 'LN+noise',
  help: 'Layer normalization with the noise that a batch’s mean and deviation would have, which it lacks by itself.',
  source: 'Ba, Kiros & Hinton 2016; noise by Luo et al. 2019, section 2',
  schema: layerNormInjectedNoiseSchema,
  normalizes: true,
  needsBatch: false,
  style: { color: '#B15928', dash: 'dashed', marker: 'circle' },
} as const satisfies MethodDescription<typeof layerNormInjectedNoiseSchema>;
