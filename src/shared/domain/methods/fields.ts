import { z } from 'zod';
import type { FieldMeta } from '../method.ts';

/** Parameters that several methods share: one description, so that they mean the same everywhere. */

export const epsilonField = z
  .number()
  .positive()
  .max(1)
  .default(1e-5)
  .meta({
    title: 'Epsilon',
    symbol: 'ϵ',
    help: 'Added to the variance before its square root, so that a constant channel does not divide by zero.',
    advanced: true,
  } satisfies FieldMeta);

export const runningMomentumField = z
  .number()
  .min(0)
  .lt(1)
  .default(0.9)
  .meta({
    title: 'Running momentum',
    help: 'How much of the running mean and variance is kept at each step; the rest comes from the batch.',
    advanced: true,
  } satisfies FieldMeta);

export const groupsField = z
  .int()
  .min(1)
  .max(65_536)
  .default(8)
  .meta({
    title: 'Groups',
    symbol: 'G',
    help: 'Groups that the channels of a layer are divided into; it must divide the channels of every normalized layer.',
  } satisfies FieldMeta);

export const gammaDecayField = z
  .number()
  .min(0)
  .max(100)
  .default(0)
  .meta({
    title: 'Gamma decay',
    symbol: 'ζ',
    help: 'Coefficient of the penalty ζ·Σγ² over all normalized layers, the same for every channel; 0 is none.',
  } satisfies FieldMeta);

/** What weight normalization and its combinations with parts of batch normalization have in common. */
export const weightNormFields = {
  gammaDecay: gammaDecayField,
  dataDependentInitialization: z
    .boolean()
    .default(true)
    .meta({
      title: 'Data-dependent initialisation',
      help: 'Sets scale and shift before the first step, so that the first batch leaves every layer standardized.',
      advanced: true,
    } satisfies FieldMeta),
} as const;

export const populationFields = {
  images: z
    .int()
    .min(2)
    .max(100_000)
    .default(500)
    .meta({
      title: 'Population images',
      help: 'Training images that the population statistics are estimated from at each refresh; 256 to 2000 do well.',
    } satisfies FieldMeta),
  subset: z
    .enum(['fixed', 'rotating'])
    .default('fixed')
    .meta({
      title: 'Population subset',
      help: 'Whether every refresh uses the same images or the next ones; rotating images act like the noise of a batch.',
      choices: { fixed: 'The same images', rotating: 'The next images' },
      advanced: true,
    } satisfies FieldMeta),
  refreshEvery: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1)
    .meta({
      title: 'Refresh every',
      unit: 'steps',
      help: 'How often the population statistics are estimated; beyond 1 they are stale, and training spikes or diverges.',
      advanced: true,
    } satisfies FieldMeta),
  backward: z
    .enum(['batchBackward', 'stopGradient'])
    .default('batchBackward')
    .meta({
      title: 'Backward pass',
      help: 'Gradients through the statistics of the batch, scaled to the population’s, or with the statistics as constants, which hardly learns.',
      choices: { batchBackward: 'Through batch statistics', stopGradient: 'Statistics constant' },
      advanced: true,
    } satisfies FieldMeta),
  epsilon: epsilonField,
} as const;
