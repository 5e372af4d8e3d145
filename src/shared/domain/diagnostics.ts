import { z } from 'zod';
import { durationSchema } from './duration.ts';
import type { FieldMeta } from './method.ts';

/** What can be logged of each layer beyond the mean of γ², which every run logs. */
export const diagnosticGroups = [
  'affine',
  'kernelNorms',
  'effectiveLearningRate',
  'gradientNorms',
  'statistics',
  'hiddenValues',
  'coefficients',
] as const;
export type DiagnosticGroup = (typeof diagnosticGroups)[number];

const groupTitles: Readonly<Record<DiagnosticGroup, string>> = {
  affine: 'γ, γ² and β of the channels',
  kernelNorms: 'Kernel norms ‖w‖',
  effectiveLearningRate: 'Effective learning rate',
  gradientNorms: 'Gradient norms',
  statistics: 'Batch, running and population statistics',
  hiddenValues: 'Kurtosis and correlation of hidden values',
  coefficients: 'Gamma decay coefficients ζ',
};

export const diagnosticsSchema = z.strictObject({
  groups: z
    .array(z.enum(diagnosticGroups))
    .max(diagnosticGroups.length)
    .default([])
    .meta({
      title: 'Diagnostics',
      help: 'What is logged of each layer and its channels; training goes on as without, and takes a little longer.',
      advanced: true,
      choices: groupTitles,
    } satisfies FieldMeta),
  every: durationSchema.default({ unit: 'epochs', value: 1 }).meta({
    title: 'Diagnostics every',
    help: 'How often the diagnostics are taken.',
    advanced: true,
  } satisfies FieldMeta),
  images: z
    .int()
    .min(2)
    .max(10_000)
    .default(500)
    .meta({
      title: 'Images for diagnostics',
      help: 'Training images, always the same ones, from which statistics, kurtosis and correlation are taken.',
      advanced: true,
    } satisfies FieldMeta),
});
export type Diagnostics = z.infer<typeof diagnosticsSchema>;
