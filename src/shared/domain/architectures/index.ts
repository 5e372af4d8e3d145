import { z } from 'zod';
import type { ImageShape, NetworkLayer } from '../architecture.ts';
import { paperCnn, paperCnnSchema } from './paperCnn.ts';

/** Schema of `architecture` in a run document: one member an architecture. */
export const architectureSchema = z.discriminatedUnion('id', [paperCnnSchema]);

export type ArchitectureSettings = z.infer<typeof architectureSchema>;
export type ArchitectureId = ArchitectureSettings['id'];

export const architectures = { 'paper-cnn': paperCnn } as const;

export const architectureIds = Object.keys(architectures) as ArchitectureId[];

/** The stack of layers of an architecture with these settings. */
export function architectureLayers(
  settings: ArchitectureSettings,
  image: ImageShape,
  classCount: number,
): NetworkLayer[] {
  return architectures[settings.id].layers(settings, image, classCount);
}
