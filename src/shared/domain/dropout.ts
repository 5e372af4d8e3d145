import { z } from 'zod';
import { meta } from './method.ts';

export const dropoutSchema = z.strictObject({
  ratio: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .meta(
      meta({
        title: 'Dropout ratio',
        help: 'The probability with which each value is set to 0 in training, the others growing to make up for it; 0 is none.',
      }),
    ),
  placement: z
    .enum(['afterNormalizer', 'beforeNormalizer'])
    .default('afterNormalizer')
    .meta(
      meta({
        title: 'Dropout stands',
        help: 'Behind the normalizer and before the activation, or between linear map and normalizer, whose statistics it then disturbs.',
        choices: { afterNormalizer: 'Behind the normalizer', beforeNormalizer: 'Before the normalizer' },
      }),
    ),
  layers: z
    .union([z.literal('all'), z.array(z.string()).max(200)])
    .default('all')
    .meta(
      meta({
        title: 'Layers with dropout',
        help: 'All layers that can have a normalizer, whether they have one or not, or those named.',
        advanced: true,
      }),
    ),
});
