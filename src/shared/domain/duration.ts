import { z } from 'zod';

/** A length or interval of training, in optimizer steps or in passes over the training images. */
export const durationSchema = z.strictObject({
  unit: z.enum(['epochs', 'steps']),
  value: z.number().positive().max(100_000_000),
});
export type Duration = z.infer<typeof durationSchema>;
