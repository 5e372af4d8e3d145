import { z } from 'zod';
import type { FieldMeta, MethodDescription } from '../method.ts';
import { epsilonField, runningMomentumField } from './fields.ts';

export const ghostBatchNormSchema = z.strictObject({
  id: z.literal('ghostBatchNorm'),
  ghostSize: z
    .int()
    .min(1)
    .max(65_536)
    .default(32)
    .meta({
      title: 'Ghost batch size',
      symbol: 'm',
      help: 'Images that are normalized together; it must divide the batch size.',
    } satisfies FieldMeta),
  epsilon: epsilonField,
  runningMomentum: runningMomentumField,
});

export const ghostBatchNorm = {
  id: 'ghostBatchNorm',
  name: 'Ghost batch normalization',
  symbol: 'Ghost BN',
  help: 'Batch normalization of each small part of the batch by itself: the noise of a small batch at any batch size.',
  source: 'Hoffer, Hubara & Soudry 2017, arXiv 1705.08741',
  schema: ghostBatchNormSchema,
  normalizes: true,
  needsBatch: true,
  findProblem: ({ ghostSize }, { path, batchSize }) =>
    batchSize % ghostSize === 0
      ? null
      : {
          field: 'ghostSize',
          message: `A batch of ${batchSize} images cannot be divided into ghost batches of ${ghostSize}.`,
          hint: `Set ${path}.ghostSize to a divisor of batchSize.`,
        },
  style: { color: '#1F4E9E', dash: 'dotted', marker: 'diamond' },
} as const satisfies MethodDescription<typeof ghostBatchNormSchema>;
