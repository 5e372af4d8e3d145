import { z } from 'zod';
import { LabError } from '../../errors.ts';
import type { ArchitectureDescription, ConvolutionLayer } from '../architecture.ts';
import type { FieldMeta } from '../method.ts';

export const paperCnnSchema = z.strictObject({
  id: z.literal('paper-cnn'),
  widthMultiplier: z
    .number()
    .min(0.0625)
    .max(4)
    .default(1)
    .meta({
      title: 'Width multiplier',
      help: "Scales the number of channels of every hidden layer; 1 is the paper's network.",
    } satisfies FieldMeta),
});

/**
 * The paper's CNN: conv(3,32)-conv(3,32)-conv(3,64)-conv(3,64)-pool(2,2)-fc(512)-fc(classes),
 * (kernel, channels), 'same' padding; a normalizer may follow every layer but the last.
 * Source: Luo et al. 2019, section 6 and appendix; padding is a default of ours.
 */
export const paperCnn = {
  id: 'paper-cnn',
  name: "The paper's CNN",
  help: 'Four 3×3 convolutions, one max-pool, a fully connected layer of 512 and the classifier.',
  source: 'Luo et al. 2019, section 6',
  schema: paperCnnSchema,
  layers(settings, [height, width], classCount) {
    if (height < 2 || width < 2) {
      throw new LabError(
        'invalidDocument',
        `The paper's CNN halves the image once, but the images are ${height}×${width} pixels.`,
        'Choose a data set with images of at least 2×2 pixels.',
      );
    }
    const channels = (count: number): number => Math.max(1, Math.round(count * settings.widthMultiplier));
    const convolution = (name: string, count: number): ConvolutionLayer => ({
      type: 'convolution',
      name,
      kernelSize: 3,
      channels: channels(count),
      stride: 1,
      padding: 'same',
      normalizable: true,
      activation: 'relu',
    });
    return [
      convolution('conv1', 32),
      convolution('conv2', 32),
      convolution('conv3', 64),
      convolution('conv4', 64),
      { type: 'maxPool', size: 2, stride: 2 },
      { type: 'flatten' },
      { type: 'dense', name: 'fc1', channels: channels(512), normalizable: true, activation: 'relu' },
      { type: 'dense', name: 'fc2', channels: classCount, normalizable: false, activation: 'none' },
    ];
  },
} as const satisfies ArchitectureDescription<typeof paperCnnSchema>;
