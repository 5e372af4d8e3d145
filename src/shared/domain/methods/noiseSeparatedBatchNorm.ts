import { z } from 'zod';
import type { FieldMeta, MethodDescription } from '../method.ts';
import { populationFields } from './fields.ts';
import { findPopulationProblem } from './population.ts';

const { backward: _backward, ...takenFromPopulation } = populationFields;
const sources = { batch: 'The batch, with its noise', population: 'The population, without noise' };

export const noiseSeparatedBatchNormSchema = z.strictObject({
  id: z.literal('noiseSeparatedBatchNorm'),
  mean: z
    .enum(['batch', 'population'])
    .default('batch')
    .meta({
      title: 'Mean of',
      symbol: 'μ',
      help: 'Whether training subtracts the mean of the batch, which is noisy, or that of the population.',
      choices: sources,
    } satisfies FieldMeta),
  deviation: z
    .enum(['batch', 'population'])
    .default('population')
    .meta({
      title: 'Deviation of',
      symbol: 'σ',
      help: 'Whether training divides by the deviation of the batch, which is noisy, or by that of the population.',
      choices: sources,
    } satisfies FieldMeta),
  ...takenFromPopulation,
});

export const noiseSeparatedBatchNorm = {
  id: 'noiseSeparatedBatchNorm',
  name: 'Batch normalization with separated noise',
  symbol: 'BN μ|σ',
  help: 'Batch normalization with only the mean’s noise, only the deviation’s, both or neither: each from batch or population.',
  source: 'Luo et al. 2019, sections 2 and 3',
  schema: noiseSeparatedBatchNormSchema,
  normalizes: true,
  needsBatch: true,
  findProblem: ({ images }, context) => findPopulationProblem(images, context),
  style: { color: '#6F4E7C', dash: 'dotted', marker: 'circle' },
} as const satisfies MethodDescription<typeof noiseSeparatedBatchNormSchema>;
