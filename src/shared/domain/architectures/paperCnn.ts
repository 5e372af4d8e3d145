import { z } from 'zod';
import { LabError } from '../../errors.ts';
import type { ArchitectureDescription, NetworkLayer } from '../architecture.ts';
import type { FieldMeta } from '../method.ts';
import { hiddenSizesField, scaleWidth, widthMultiplierField } from './fields.ts';

export const paperCnnSchema = z.strictObject({
  id: z.literal('paper-cnn'),
  widthMultiplier: widthMultiplierField,
  widths: z
    .array(z.int().min(1).max(4096))
    .min(1)
    .max(50)
    .default([32, 32, 64, 64])
    .meta({
      title: 'Convolution widths',
      help: 'Channels of each convolution, from image to classes; as many convolutions as numbers.',
    } satisfies FieldMeta),
  kernelSizes: z
    .array(z.int().min(1).max(31))
    .min(1)
    .max(50)
    .default([3])
    .meta({
      title: 'Kernel sizes',
      unit: 'pixels',
      help: 'Side of the square kernel of each convolution; one number is for all.',
      advanced: true,
    } satisfies FieldMeta),
  poolAfter: z
    .array(z.int().min(1).max(50))
    .max(50)
    .default([4])
    .meta({
      title: 'Max-pool after convolutions',
      help: 'Which convolutions, counted from 1, a 2×2 max-pool stands behind; it halves the image.',
      advanced: true,
    } satisfies FieldMeta),
  hiddenSizes: hiddenSizesField([512]),
});

/**
 * The paper's CNN: conv(3,32)-conv(3,32)-conv(3,64)-conv(3,64)-pool(2,2)-fc(512)-fc(classes),
 * (kernel, channels), 'same' padding; a normalizer may follow every layer but the last. Other widths,
 * kernels, pools and sizes give networks of the same kind.
 * Source: Luo et al. 2019, section 6 and appendix; padding is a default of ours.
 */
export const paperCnn = {
  id: 'paper-cnn',
  name: "The paper's CNN",
  help: 'Four 3×3 convolutions, one max-pool, a fully connected layer of 512 and the classifier; all of it can be changed.',
  source: 'Luo et al. 2019, section 6',
  schema: paperCnnSchema,
  layers({ widthMultiplier, widths, kernelSizes, poolAfter, hiddenSizes }, [height, width], classCount) {
    if (kernelSizes.length !== 1 && kernelSizes.length !== widths.length) {
      throw new LabError(
        'invalidDocument',
        `architecture.kernelSizes has ${kernelSizes.length} numbers for ${widths.length} convolutions.`,
        'Write one kernel size for all convolutions, or one for each.',
      );
    }
    const missing = poolAfter.find((position) => position > widths.length);
    if (missing !== undefined) {
      throw new LabError(
        'invalidDocument',
        `architecture.poolAfter names convolution ${missing}, but there are only ${widths.length}.`,
        `Write numbers from 1 to ${widths.length}.`,
      );
    }
    const pools = new Set(poolAfter);
    if (Math.min(height, width) < 2 ** pools.size) {
      throw new LabError(
        'invalidDocument',
        `This CNN halves the image ${pools.size === 1 ? 'once' : `${pools.size} times`}, but the images are ${height}×${width} pixels.`,
        `Choose a data set with images of at least ${2 ** pools.size}×${2 ** pools.size} pixels, or fewer pools in architecture.poolAfter.`,
      );
    }
    const channels = (count: number): number => scaleWidth(count, widthMultiplier);
    return [
      ...widths.flatMap((count, index): NetworkLayer[] => [
        {
          type: 'convolution',
          name: `conv${index + 1}`,
          kernelSize: kernelSizes[kernelSizes.length === 1 ? 0 : index] ?? 3,
          channels: channels(count),
          stride: 1,
          padding: 'same',
          normalizable: true,
          activation: 'relu',
        },
        ...(pools.has(index + 1) ? [{ type: 'maxPool', size: 2, stride: 2 } as const] : []),
      ]),
      { type: 'flatten' },
      ...hiddenSizes.map((size, index): NetworkLayer => ({
        type: 'dense',
        name: `fc${index + 1}`,
        channels: channels(size),
        normalizable: true,
        activation: 'relu',
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
} as const satisfies ArchitectureDescription<typeof paperCnnSchema>;
