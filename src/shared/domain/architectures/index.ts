import { z } from 'zod';
import type { ArchitectureDescription, ImageShape, Loss, NetworkLayer } from '../architecture.ts';
import type { DatasetDocument } from '../dataset.ts';
import { linear, linearSchema } from './linear.ts';
import { mlp, mlpSchema } from './mlp.ts';
import { paperCnn, paperCnnSchema } from './paperCnn.ts';
import { resnet18, resnet18Schema } from './resnet18.ts';
import { teacherStudent, teacherStudentSchema } from './teacherStudent.ts';

/** Schema of `architecture` in a run document: one member an architecture. */
export const architectureSchema = z.discriminatedUnion('id', [
  paperCnnSchema,
  resnet18Schema,
  mlpSchema,
  linearSchema,
  teacherStudentSchema,
]);

export type ArchitectureSettings = z.infer<typeof architectureSchema>;
export type ArchitectureId = ArchitectureSettings['id'];

/** Descriptions of all architectures, in the order in which they are offered. */
export const architectures: { readonly [Id in ArchitectureId]: ArchitectureDescription } = {
  'paper-cnn': paperCnn,
  resnet18,
  mlp,
  linear,
  'teacher-student': teacherStudent,
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

export function lossOf({ id }: ArchitectureSettings): Loss {
  return architectures[id].loss ?? 'crossEntropy';
}

/** The data that an architecture draws itself; null where it learns from a data set. */
export function generatedDataset(settings: ArchitectureSettings): DatasetDocument | null {
  return architectures[settings.id].generatedDataset?.(settings) ?? null;
}

/** The data of a run: those that its architecture draws, or else the data set whose id or name it has. */
export function datasetOfRun(
  { architecture, dataset }: { architecture: ArchitectureSettings; dataset: { id: string } },
  datasets: readonly DatasetDocument[],
): DatasetDocument | undefined {
  return generatedDataset(architecture) ?? datasets.find(({ id, name }) => id === dataset.id || name === dataset.id);
}
