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
      title: 'Logged of each layer',
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

/** A quantity of each layer that diagnostics log. */
export interface DiagnosticQuantity {
  /** Its series are `<id>/<layer>`, and `<id>.minimum/<layer>` and so on where it is one of channels. */
  id: string;
  group: DiagnosticGroup;
  title: string;
  /** One sentence on what it is. */
  help: string;
  axis: { name: string; unit: string | null };
  /** A value of each channel, whose mean is the layer's. */
  perChannel: boolean;
}

/**
 * Everything that diagnostics log, in the order in which it is offered. h is what a layer's linear map
 * gives, before normalizer and bias; w its kernel, or the direction v of weight normalization.
 */
export const diagnosticQuantities: readonly DiagnosticQuantity[] = [
  {
    id: 'gammaSquared',
    group: 'affine',
    title: 'γ²',
    help: 'Mean over channels of the squared scale γ of each normalized layer.',
    axis: { name: 'Mean γ²', unit: null },
    perChannel: true,
  },
  {
    id: 'gamma',
    group: 'affine',
    title: 'γ',
    help: 'Mean over channels of the scale γ of each normalized layer.',
    axis: { name: 'Mean γ', unit: null },
    perChannel: true,
  },
  {
    id: 'beta',
    group: 'affine',
    title: 'β',
    help: 'Mean over channels of the shift β of each normalized layer.',
    axis: { name: 'Mean β', unit: null },
    perChannel: true,
  },
  {
    id: 'zeta',
    group: 'coefficients',
    title: 'ζ',
    help: 'Mean over channels of the gamma decay coefficient ζ, as it is estimated from the data.',
    axis: { name: 'Mean ζ', unit: null },
    perChannel: true,
  },
  {
    id: 'kernelNorm',
    group: 'kernelNorms',
    title: 'Kernel norm',
    help: 'Euclidean norm ‖w‖ of each layer’s whole kernel.',
    axis: { name: '‖w‖', unit: null },
    perChannel: false,
  },
  {
    id: 'channelNorm',
    group: 'kernelNorms',
    title: 'Channel norm',
    help: 'Mean over output channels of the Euclidean norm of the channel’s part of the kernel.',
    axis: { name: 'Mean ‖w‖ of a channel', unit: null },
    perChannel: true,
  },
  {
    id: 'effectiveLearningRate',
    group: 'effectiveLearningRate',
    title: 'Effective rate',
    help: 'Learning rate / ‖w‖² of a channel’s kernel, mean over channels: how fast the kernel turns, in normalized layers only, whose output its length does not change.',
    axis: { name: 'Mean lr / ‖w‖²', unit: null },
    perChannel: true,
  },
  {
    id: 'gradientNorm',
    group: 'gradientNorms',
    title: 'Gradient norm',
    help: 'Euclidean norm of the gradient of loss and penalty with respect to each layer’s kernel, of one batch that stays the same.',
    axis: { name: '‖∇w‖', unit: null },
    perChannel: false,
  },
  {
    id: 'kurtosis',
    group: 'hiddenValues',
    title: 'Kurtosis',
    help: 'Excess kurtosis of h over images and positions in evaluation, mean over channels; 0 is a Gaussian’s.',
    axis: { name: 'Mean excess kurtosis', unit: null },
    perChannel: true,
  },
  {
    id: 'correlation',
    group: 'hiddenValues',
    title: 'Correlation',
    help: 'Mean absolute correlation between two different channels of h over images and positions in evaluation.',
    axis: { name: 'Mean |correlation|', unit: null },
    perChannel: false,
  },
  {
    id: 'batchMeanDrift',
    group: 'statistics',
    title: 'Batch mean noise',
    help: 'Standard deviation over batches of the mean of h in a batch, in units of the population’s σ; mean over channels.',
    axis: { name: 'Noise of the batch mean', unit: 'σ' },
    perChannel: true,
  },
  {
    id: 'batchDeviationDrift',
    group: 'statistics',
    title: 'Batch σ noise',
    help: 'Standard deviation over batches of the standard deviation of h in a batch, in units of the population’s σ; mean over channels.',
    axis: { name: 'Noise of the batch deviation', unit: 'σ' },
    perChannel: true,
  },
  {
    id: 'runningMeanDrift',
    group: 'statistics',
    title: 'Running mean drift',
    help: 'Distance between the mean that evaluation uses and the population’s, in units of the population’s σ; mean over channels.',
    axis: { name: 'Distance of the running mean', unit: 'σ' },
    perChannel: true,
  },
  {
    id: 'runningDeviationDrift',
    group: 'statistics',
    title: 'Running σ drift',
    help: 'Distance between the standard deviation that evaluation uses and the population’s, in units of the population’s σ; mean over channels.',
    axis: { name: 'Distance of the running deviation', unit: 'σ' },
    perChannel: true,
  },
  ...(['batch', 'running', 'population'] as const).flatMap((kind): DiagnosticQuantity[] => {
    const whose = {
      batch: 'of one batch that stays the same',
      running: 'that evaluation uses',
      population: 'of all images for diagnostics, in batches',
    }[kind];
    const name = { batch: 'Batch', running: 'Running', population: 'Population' }[kind];
    return [
      {
        id: `${kind}Mean`,
        group: 'statistics',
        title: `${name} mean`,
        help: `The mean of h ${whose}; mean over channels.`,
        axis: { name: `${name} mean of h`, unit: null },
        perChannel: true,
      },
      {
        id: `${kind}Variance`,
        group: 'statistics',
        title: `${name} variance`,
        help: `The variance of h ${whose}; mean over channels.`,
        axis: { name: `${name} variance of h`, unit: null },
        perChannel: true,
      },
    ];
  }),
];

/** Parts of a quantity over a layer's channels that are logged besides the mean. */
export const channelSummaries = ['minimum', 'median', 'maximum'] as const;
