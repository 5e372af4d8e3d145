import { z } from 'zod';
import type { FieldMeta, MethodDescription } from '../method.ts';
import { populationFields } from './fields.ts';
import { findPopulationProblem } from './population.ts';

export const populationNormGammaDecaySchema = z.strictObject({
  id: z.literal('populationNormGammaDecay'),
  strength: z
    .number()
    .min(0)
    .max(1000)
    .default(1)
    .meta({
      title: 'Strength',
      help: 'Multiplies the penalty Σ ζγ²; 1 is what the theory says.',
    } satisfies FieldMeta),
  coefficient: z
    .enum(['adaptive', 'constant'])
    .default('adaptive')
    .meta({
      title: 'Coefficient',
      symbol: 'ζ',
      help: 'Whether each channel’s coefficient is estimated from the population at every refresh, or all have the same.',
      choices: { adaptive: 'By the theory, each channel', constant: 'Constant' },
    } satisfies FieldMeta),
  constantCoefficient: z
    .number()
    .min(0)
    .max(100)
    .default(0.001)
    .meta({
      title: 'Constant coefficient',
      symbol: 'ζ',
      help: 'The coefficient of every channel where it is constant.',
      advanced: true,
    } satisfies FieldMeta),
  targetBatchSize: z
    .int()
    .min(2)
    .max(65_536)
    .default(64)
    .meta({
      title: 'Target batch size',
      symbol: 'M',
      help: 'The batch size whose regularization is to be had, whatever the batch size of training.',
    } satisfies FieldMeta),
  noise: z
    .enum(['imageLevel', 'paperM'])
    .default('imageLevel')
    .meta({
      title: 'Noise of a batch',
      help: 'How much a batch’s mean and variance vary: from how images differ, or by the paper’s formula as if a batch held M values.',
      choices: { imageLevel: 'From image to image', paperM: 'The paper’s formula' },
      advanced: true,
    } satisfies FieldMeta),
  curvature: z
    .enum(['sigmoid', 'fisher'])
    .default('sigmoid')
    .meta({
      title: 'Curvature',
      help: 'How much noise in a channel costs: by the paper’s formula, as if each channel were an output, or by how the loss of images answers to γ and β.',
      choices: { sigmoid: 'The paper’s formula', fisher: 'Fisher information' },
      advanced: true,
    } satisfies FieldMeta),
  skewCorrection: z
    .boolean()
    .default(false)
    .meta({
      title: 'Skewness of the mean’s and the deviation’s noise',
      help: 'Also counts that mean and deviation of a batch vary together where a channel is skewed, which the paper leaves out.',
      advanced: true,
    } satisfies FieldMeta),
  ...populationFields,
});

export const populationNormGammaDecay = {
  id: 'populationNormGammaDecay',
  name: 'Population normalization with gamma decay',
  symbol: 'PN+γ',
  help: 'Population normalization with the penalty on γ that, by the theory, batch normalization’s noise amounts to.',
  source: 'Luo et al. 2019, theorem 1',
  schema: populationNormGammaDecaySchema,
  normalizes: true,
  needsBatch: true,
  findProblem: ({ images }, context) => findPopulationProblem(images, context),
  style: { color: '#CC79A7', dash: 'solid', marker: 'circle' },
} as const satisfies MethodDescription<typeof populationNormGammaDecaySchema>;
