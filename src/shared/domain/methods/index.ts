import { z } from 'zod';
import type { MethodDescription } from '../method.ts';
import { batchNorm, batchNormSchema } from './batchNorm.ts';
import { none, noneSchema } from './none.ts';

/** Schema of `method` in a run document: one member a method. */
export const methodSchema = z.discriminatedUnion('id', [noneSchema, batchNormSchema]);

export type MethodSettings = z.infer<typeof methodSchema>;
export type MethodId = MethodSettings['id'];

/** Descriptions of all methods, in the order in which they are offered. */
export const methods: { readonly [Id in MethodId]: MethodDescription } = { none, batchNorm };

export const methodIds = Object.keys(methods) as MethodId[];
