import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { epsilonField, groupsField } from './fields.ts';
import { findGroupProblem } from './groups.ts';

export const weightStandardizationSchema = z.strictObject({
  id: z.literal('weightStandardization'),
  groups: groupsField,
  epsilon: epsilonField,
});

export const weightStandardization = {
  id: 'weightStandardization',
  name: 'Weight standardization with group normalization',
  symbol: 'WS+GN',
  help: 'Standardizes the weights of each output channel and normalizes the result by groups of channels.',
  source: 'Qiao et al. 2019, arXiv 1903.10520',
  schema: weightStandardizationSchema,
  normalizes: true,
  needsBatch: false,
  findProblem: ({ groups }, context) => findGroupProblem(groups, context),
  style: { color: '#882255', dash: 'dashed', marker: 'rect' },
} as const satisfies MethodDescription<typeof weightStandardizationSchema>;
