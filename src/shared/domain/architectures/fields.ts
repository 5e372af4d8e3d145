import { z } from 'zod';
import type { FieldMeta } from '../method.ts';

/** Parameters that several architectures share: one description, so that they mean the same everywhere. */

export const widthMultiplierField = z
  .number()
  .min(0.0625)
  .max(4)
  .default(1)
  .meta({
    title: 'Width multiplier',
    help: 'Scales the number of channels of every hidden layer; 1 leaves them as they are.',
  } satisfies FieldMeta);

export const hiddenSizesField = (standard: number[]) =>
  z
    .array(z.int().min(1).max(65_536))
    .max(50)
    .default(standard)
    .meta({
      title: 'Fully connected sizes',
      help: 'Sizes of the fully connected layers before the classifier; as many layers as numbers.',
    } satisfies FieldMeta);

/** A number of channels times the width multiplier, at least one. */
export function scaleWidth(channels: number, widthMultiplier: number): number {
  return Math.max(1, Math.round(channels * widthMultiplier));
}
