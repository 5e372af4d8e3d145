import { z } from 'zod';
import type { ArchitectureDescription, ImageShape, NetworkLayer } from '../architecture.ts';
import { linear, linearSchema } from './linear.ts';
import { mlp, mlpSchema } from './mlp.ts';
import { paperCnn, paperCnnSchema } from './paperCnn.ts';
import { resnet18, resnet18Schema } from './resnet18.ts';

/** Schema of `architecture` in a run document: one member an architecture. */
export const architectureSchema = z.discriminatedUnion('id', [paperCnnSchema, resnet18Schema, mlpSchema, linearSchema]);

export type ArchitectureSettings = z.infer<typeof architectureSchema>;
export type ArchitectureId = ArchitectureSettings['id'];

/** Descriptions of all architectures, in the order in which they are offered. */
export const architectures: { readonly [Id in ArchitectureId]: ArchitectureDescription } = {
  'paper-cnn': paperCnn,
  resnet18,
  mlp,
  linear,
};

export const architectureIds = Object.keys(architectures) as ArchitectureId[];

/** The stack of layers of an architecture with these settings. */
export function architectureLayers(
  settings: ArchitectureSettings,
  image: ImageShape,
  classCount: number,
): NetworkLayer[] {
  return architectures[settings.id].layers(settings, image, classCount);
}
