import { z } from 'zod';
import { checksumSchema } from './dataset.ts';
import type { FieldMeta } from './method.ts';

/** Weights that a run begins with instead of those drawn by its seed. */
export const initialWeightsSchema = z.strictObject({
  file: z
    .string()
    .min(1)
    .max(4096)
    .nullable()
    .default(null)
    .meta({
      title: 'Initial weights',
      help: 'A safetensors file with the weights that runs begin with; the lab keeps a copy. Empty: drawn by the seed.',
      advanced: true,
    } satisfies FieldMeta),
  /** Names the lab's copy; filled in when a run is created. */
  sha256: checksumSchema.optional(),
});
export type InitialWeights = z.infer<typeof initialWeightsSchema>;
