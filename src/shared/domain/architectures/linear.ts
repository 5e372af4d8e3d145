import { z } from 'zod';
import type { ArchitectureDescription } from '../architecture.ts';

export const linearSchema = z.strictObject({ id: z.literal('linear') });

/**
 * Softmax regression on the pixels. Its only layer can have the normalizer: a single layer with one is
 * what the paper's theory is about (Luo et al. 2019, sections 2 to 5).
 */
export const linear = {
  id: 'linear',
  name: 'Linear classifier',
  help: 'One fully connected layer from pixels to classes; the normalizer stands behind it, as in the paper’s theory.',
  source: 'Luo et al. 2019, sections 2 to 5',
  schema: linearSchema,
  layers: (_settings, _image, classCount) => [
    { type: 'flatten' },
    { type: 'dense', name: 'fc1', channels: classCount, normalizable: true, activation: 'none' },
  ],
} as const satisfies ArchitectureDescription<typeof linearSchema>;
