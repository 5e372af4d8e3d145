import { z } from 'zod';
import type { ArchitectureDescription } from '../architecture.ts';
import { hiddenSizesField } from './fields.ts';

export const mlpSchema = z.strictObject({ id: z.literal('mlp'), hiddenSizes: hiddenSizesField([512, 512]) });

/** Fully connected layers on the flattened image, each with ReLU; a normalizer may follow each but the last. */
export const mlp = {
  id: 'mlp',
  name: 'Multilayer perceptron',
  help: 'Fully connected layers on the pixels, without convolutions.',
  source: 'Rumelhart et al. 1986',
  schema: mlpSchema,
  layers({ hiddenSizes }, _image, classCount) {
    return [
      { type: 'flatten' },
      ...hiddenSizes.map((channels, index) => ({
        type: 'dense' as const,
        name: `fc${index + 1}`,
        channels,
        normalizable: true,
        activation: 'relu' as const,
      })),
      {
        type: 'dense',
        name: `fc${hiddenSizes.length + 1}`,
        channels: classCount,
        normalizable: false,
        activation: 'none',
      },
    ];
  },
} as const satisfies ArchitectureDescription<typeof mlpSchema>;
