import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { epsilonField, groupsField } from './fields.ts';
import { findGroupProblem } from './groups.ts';

export const groupNormSchema = z.strictObject({
  id: z.literal('groupNorm'),
  groups: groupsField,
  epsilon: epsilonField,
});

export const groupNorm = {
  id: 'groupNorm',
  name: 'Group normalization',
  symbol: 'GN',
  help: 'Normalizes each image in groups of neighbouring channels; 1 group is layer normalization.',
  source: 'Wu & He 2018, arXiv 1803.08494',
  schema: groupNormSchema,
  normalizes: true,
  needsBatch: false,
  findProblem: ({ groups }, context) => findGroupProblem(groups, context),
  style: { color: '#117733', dash: 'dashed', marker: 'diamond' },
} as const satisfies MethodDescription<typeof groupNormSchema>;
