import { z } from 'zod';

/** A length or interval of training, in optimizer steps or in passes over the training images. */
export const durationSchema = z.strictObject({
  unit: z.enum(['epochs', 'steps']),
  value: z.number().positive().max(100_000_000),
});
export type Duration = z.infer<typeof durationSchema>;

/** A duration that may be nothing at all. */
export const optionalDurationSchema = z.strictObject({
  unit: z.enum(['epochs', 'steps']),
  value: z.number().min(0).max(100_000_000),
});
