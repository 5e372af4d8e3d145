import { z } from 'zod';
import { meta } from './method.ts';

export const scheduleSchema = z.discriminatedUnion('id', [
  z
    .strictObject({ id: z.literal('constant') })
    .meta(meta({ title: 'Constant', help: 'The learning rate stays as it is.' })),
  z
    .strictObject({
      id: z.literal('perStepDecay'),
      decayPerStep: z
        .number()
        .min(0)
        .lt(1)
        .default(1e-4)
        .meta(meta({ title: 'Decay per step', help: 'The learning rate is multiplied by 1 − decay at each step.' })),
    })
    .meta(meta({ title: 'Decay at each step', help: 'The learning rate shrinks by the same share at each step.' })),
  z
    .strictObject({
      id: z.literal('epochDecay'),
      epochs: z
        .array(z.number().positive().max(1_000_000))
        .min(1)
        .max(50)
        .default([30, 60, 90])
        .meta(meta({ title: 'Decay after epochs', help: 'The learning rate drops after each of these epochs.' })),
      factor: z
        .number()
        .positive()
        .max(1)
        .default(0.1)
        .meta(meta({ title: 'Decay factor', help: 'What the learning rate is multiplied by at each drop.' })),
    })
    .meta(meta({ title: 'Drops after epochs', help: 'The learning rate drops by a factor after the epochs named.' })),
  z
    .strictObject({
      id: z.literal('cosine'),
      finalFraction: z
        .number()
        .min(0)
        .max(1)
        .default(0)
        .meta(
          meta({ title: 'Final fraction', help: 'The share of the learning rate that is left at the end of the run.' }),
        ),
    })
    .meta(meta({ title: 'Cosine', help: 'The learning rate falls along half a cosine over the whole run.' })),
]);
