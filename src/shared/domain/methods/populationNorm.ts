import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { populationFields } from './fields.ts';
import { findPopulationProblem } from './population.ts';

export const populationNormSchema = z.strictObject({
  id: z.literal('populationNorm'),
  ...populationFields,
});

export const populationNorm = {
  id: 'populationNorm',
  name: 'Population normalization',
  symbol: 'PN',
  help: 'Batch normalization with the statistics of many training images instead of the batch’s: without its noise.',
  source: 'Luo et al. 2019, section 2',
  schema: populationNormSchema,
  normalizes: true,
  needsBatch: true,
  findProblem: ({ images }, context) => findPopulationProblem(images, context),
  style: { color: '#D55E00', dash: 'solid', marker: 'diamond' },
} as const satisfies MethodDescription<typeof populationNormSchema>;
