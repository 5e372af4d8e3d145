import { z } from 'zod';
import { hashDocument } from '../canonicalJson.ts';
import { LabError } from '../errors.ts';
import { labCommand } from '../labCommand.ts';
import { architectureSchema } from './architectures/index.ts';
import { checksumSchema } from './dataset.ts';
import { defaultChoices } from './defaultChoices.ts';
import { diagnosticsSchema } from './diagnostics.ts';
import { durationSchema, type Duration } from './duration.ts';
import { initialWeightsSchema } from './initialWeights.ts';
import type { FieldMeta, MethodDescription } from './method.ts';
import { methodSchema, methods } from './methods/index.ts';

const meta = (field: FieldMeta): FieldMeta => field;

export { durationSchema, type Duration } from './duration.ts';

/** A duration that may be nothing at all. */
const optionalDurationSchema = z.strictObject({
  unit: z.enum(['epochs', 'steps']),
  value: z.number().min(0).max(100_000_000),
});

const learningRateField = (standard: number) =>
  z
    .number()
    .positive()
    .max(100)
    .default(standard)
    .meta(
      meta({
        title: 'Learning rate',
        symbol: 'lr₀',
        help: 'Initial learning rate at the reference batch size.',
      }),
    );

const weightDecayField = (help: string) =>
  z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .meta(meta({ title: 'Weight decay', help }));

const scaleWithBatchSizeField = (standard: boolean) =>
  z
    .boolean()
    .default(standard)
    .meta(
      meta({
        title: 'Scale learning rate with batch size',
        help: 'Multiplies the learning rate by batch size / reference batch size, as the paper does.',
      }),
    );

const referenceBatchSizeField = z
  .int()
  .positive()
  .max(65_536)
  .default(64)
  .meta(
    meta({
      title: 'Reference batch size',
      help: 'The batch size for which the learning rate is given.',
      advanced: true,
    }),
  );

const momentOfAdam = (title: string, symbol: string, standard: number, help: string) =>
  z
    .number()
    .min(0)
    .lt(1)
    .default(standard)
    .meta(meta({ title, symbol, help, advanced: true }));

/** Defaults of stochastic gradient descent are the paper's, those of Adam its authors'. */
export const optimizerSchema = z.discriminatedUnion('id', [
  z
    .strictObject({
      id: z.literal('sgd'),
      learningRate: learningRateField(0.1),
      momentum: z
        .number()
        .min(0)
        .lt(1)
        .default(0.9)
        .meta(meta({ title: 'Momentum', help: 'How much of the previous update is kept; 0 is plain SGD.' })),
      weightDecay: weightDecayField(
        'Adds this share of each weight to its gradient (L2); biases and normalizers are left out.',
      ),
      scaleWithBatchSize: scaleWithBatchSizeField(true),
      referenceBatchSize: referenceBatchSizeField,
    })
    .meta(
      meta({
        title: 'Stochastic gradient descent',
        help: 'Follows the gradient of each batch, with momentum; momentum 0 is plain SGD.',
      }),
    ),
  z
    .strictObject({
      id: z.literal('adam'),
      learningRate: learningRateField(0.001),
      beta1: momentOfAdam('Decay of the mean', 'β₁', 0.9, 'How much of the running mean of gradients is kept.'),
      beta2: momentOfAdam('Decay of the square', 'β₂', 0.999, 'How much of the running mean of squares is kept.'),
      epsilon: z
        .number()
        .positive()
        .max(1)
        .default(1e-8)
        .meta(
          meta({
            title: 'Epsilon',
            symbol: 'ϵ',
            help: 'Added to the root of the mean square, so that no update is divided by zero.',
            advanced: true,
          }),
        ),
      weightDecay: weightDecayField(
        'Shrinks each weight by this share of the learning rate (AdamW); biases and normalizers are left out.',
      ),
      scaleWithBatchSize: scaleWithBatchSizeField(false),
      referenceBatchSize: referenceBatchSizeField,
    })
    .meta(
      meta({
        title: 'Adam',
        help: 'Divides running means of the gradient by the root of those of its square; with weight decay it is AdamW.',
      }),
    ),
]);
export type OptimizerSettings = z.infer<typeof optimizerSchema>;

export const dropoutSchema = z.strictObject({
  ratio: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .meta(
      meta({
        title: 'Dropout ratio',
        help: 'The probability with which each value is set to 0 in training, the others growing to make up for it; 0 is none.',
      }),
    ),
  placement: z
    .enum(['afterNormalizer', 'beforeNormalizer'])
    .default('afterNormalizer')
    .meta(
      meta({
        title: 'Dropout stands',
        help: 'Behind the normalizer and before the activation, or between linear map and normalizer, whose statistics it then disturbs.',
        choices: { afterNormalizer: 'Behind the normalizer', beforeNormalizer: 'Before the normalizer' },
      }),
    ),
  layers: z
    .union([z.literal('all'), z.array(z.string()).max(200)])
    .default('all')
    .meta(
      meta({
        title: 'Layers with dropout',
        help: 'All layers that can have a normalizer, whether they have one or not, or those named.',
        advanced: true,
      }),
    ),
});

export const scheduleSchema = z.discriminatedUnion('id', [
  z
    .strictObject({ id: z.literal('constant') })
    .meta(meta({ title: 'Constant', help: 'The learning rate stays as it is.' })),
  z
    .strictObject({
      id: z.literal('perStepDecay'),
      decayPerStep: z
        .number()
        .min(0)
        .lt(1)
        .default(1e-4)
        .meta(meta({ title: 'Decay per step', help: 'The learning rate is multiplied by 1 − decay at each step.' })),
    })
    .meta(meta({ title: 'Decay at each step', help: 'The learning rate shrinks by the same share at each step.' })),
  z
    .strictObject({
      id: z.literal('epochDecay'),
      epochs: z
        .array(z.number().positive().max(1_000_000))
        .min(1)
        .max(50)
        .default([30, 60, 90])
        .meta(meta({ title: 'Decay after epochs', help: 'The learning rate drops after each of these epochs.' })),
      factor: z
        .number()
        .positive()
        .max(1)
        .default(0.1)
        .meta(meta({ title: 'Decay factor', help: 'What the learning rate is multiplied by at each drop.' })),
    })
    .meta(meta({ title: 'Drops after epochs', help: 'The learning rate drops by a factor after the epochs named.' })),
  z
    .strictObject({
      id: z.literal('cosine'),
      finalFraction: z
        .number()
        .min(0)
        .max(1)
        .default(0)
        .meta(
          meta({ title: 'Final fraction', help: 'The share of the learning rate that is left at the end of the run.' }),
        ),
    })
    .meta(meta({ title: 'Cosine', help: 'The learning rate falls along half a cosine over the whole run.' })),
]);

/**
 * One training run as a plain document: it drives form, command line, training and re-runs,
 * is stored with its hash and is exported with every figure.
 */
export const runDocumentSchema = z.strictObject({
  format: z.literal('normlab.run').default('normlab.run'),
  version: z.literal(1).default(1),
  dataset: z.strictObject({
    id: z
      .string()
      .min(1)
      .meta(meta({ title: 'Data set', help: 'The images and labels that every run is trained and evaluated on.' })),
    /** Pins the exact data; filled in when a run is created. */
    checksum: checksumSchema.optional(),
    trainingImages: z
      .int()
      .positive()
      .nullable()
      .default(null)
      .meta(
        meta({
          title: 'Training images',
          help: 'Trains on a fixed random subset of this many images; empty means all of them.',
        }),
      ),
    validationImages: z
      .int()
      .positive()
      .nullable()
      .default(null)
      .meta(
        meta({
          title: 'Validation images',
          help: 'Evaluates on a fixed random subset of this many images; empty means all of them.',
        }),
      ),
    /** Chooses the subsets; the same for all runs that are to be compared. */
    subsetSeed: z
      .int()
      .nonnegative()
      .max(0xffff_ffff)
      .default(0)
      .meta(
        meta({
          title: 'Seed of the subsets',
          help: 'Chooses which images the subsets hold; runs that are compared share it.',
          advanced: true,
        }),
      ),
  }),
  architecture: architectureSchema
    .prefault({ id: 'paper-cnn' })
    .meta(meta({ title: 'Architecture', help: 'The network: its stack of layers from image to classes.' })),
  method: methodSchema
    .prefault({ id: 'batchNorm' })
    .meta(meta({ title: 'Method', help: 'The normalization or regularization that the runs are trained with.' })),
  /** Layers that get the method's normalizer: all that can have one, or those named. */
  normalizedLayers: z
    .union([z.literal('all'), z.array(z.string()).max(200)])
    .default('all')
    .meta(
      meta({
        title: 'Normalized layers',
        help: 'The layers behind which the method’s normalizer stands: all or some.',
      }),
    ),
  /** Methods of single layers, by the layer's name, in place of `method`. */
  layerMethods: z.record(z.string().max(100), methodSchema).default({}),
  dropout: dropoutSchema.prefault({}),
  optimizer: optimizerSchema.prefault({ id: defaultChoices.optimizer }).meta(
    meta({
      title: 'Optimizer',
      help: 'How weights follow the gradient.',
    }),
  ),
  schedule: scheduleSchema
    .prefault({ id: 'perStepDecay' })
    .meta(meta({ title: 'Schedule', help: 'How the learning rate changes during training.' })),
  warmUp: optionalDurationSchema.default({ unit: 'epochs', value: 0 }).meta(
    meta({
      title: 'Warm-up',
      help: 'The learning rate rises linearly over this time, whatever the schedule; 0 is none.',
    }),
  ),
  augmentation: z
    .strictObject({
      cropPadding: z
        .int()
        .min(0)
        .max(64)
        .default(0)
        .meta(
          meta({
            title: 'Random crop: padding',
            unit: 'pixels',
            help: 'Shifts each training image by up to this many pixels; what comes in is the mean colour. 0 is none.',
            advanced: true,
          }),
        ),
      horizontalFlip: z
        .boolean()
        .default(false)
        .meta(
          meta({
            title: 'Random horizontal flip',
            help: 'Mirrors each training image with probability one half.',
            advanced: true,
          }),
        ),
    })
    .prefault({}),
  batchSize: z
    .int()
    .positive()
    .max(65_536)
    .default(64)
    .meta(meta({ title: 'Batch size', symbol: 'M', help: 'Images in one training step.' })),
  length: durationSchema
    .default({ unit: 'epochs', value: 5 })
    .meta(meta({ title: 'Length', help: 'How long each run trains: passes over the training images, or steps.' })),
  evaluation: z
    .strictObject({
      every: durationSchema
        .default({ unit: 'epochs', value: 1 })
        .meta(
          meta({ title: 'Evaluate every', help: 'How often loss and accuracy on the validation images are measured.' }),
        ),
      batchSize: z
        .int()
        .positive()
        .max(65_536)
        .default(500)
        .meta(
          meta({
            title: 'Evaluation batch size',
            help: 'Images evaluated at once; it changes memory and speed, not results.',
            advanced: true,
          }),
        ),
    })
    .prefault({}),
  /** What is logged of each layer besides what every run logs. */
  diagnostics: diagnosticsSchema.prefault({}),
  checkpoints: z
    .strictObject({
      every: durationSchema.default({ unit: 'epochs', value: 1 }).meta(
        meta({
          title: 'Checkpoint every',
          help: 'How often a run is saved, so that it can go on from there.',
          advanced: true,
        }),
      ),
      keepLast: z
        .int()
        .min(1)
        .max(100)
        .default(2)
        .meta(
          meta({
            title: 'Checkpoints kept',
            help: 'How many of the latest checkpoints of a run stay on disk.',
            advanced: true,
          }),
        ),
    })
    .prefault({}),
  /** Chooses initialisation and batch order; runs with equal seed share both. */
  seed: z.int().nonnegative().max(0xffff_ffff).default(1),
  /** Takes the place of what the seed draws; batch order stays the seed's. */
  initialWeights: initialWeightsSchema.prefault({}),
  execution: z
    .strictObject({
      engine: z
        .enum(['auto', 'tensorflow', 'javascript'])
        .default('auto')
        .meta(
          meta({
            title: 'Engine',
            help: 'What computes the runs; the best of this machine, or one by name.',
            advanced: true,
            choices: { auto: 'Best of this machine', tensorflow: 'TensorFlow', javascript: 'JavaScript' },
          }),
        ),
      mode: z
        .enum(['compiled', 'eager'])
        .default('compiled')
        .meta(
          meta({
            title: 'Step',
            help: 'Whether a training step is compiled once, or each operation runs by itself, which is slower.',
            advanced: true,
            choices: { compiled: 'Compiled', eager: 'One operation at a time' },
          }),
        ),
      operations: z
        .enum(['fused', 'composed'])
        .default('fused')
        .meta(
          meta({
            title: 'Operations',
            help: 'Whether the engine’s own fused operations are used, or the same built from simple ones.',
            advanced: true,
            choices: { fused: 'Fused', composed: 'Composed' },
          }),
        ),
      precision: z
        .enum(['float32', 'bfloat16'])
        .default('float32')
        .meta(
          meta({
            title: 'Precision',
            help: 'Format of activations and gradients; bfloat16 halves memory and rounds more.',
            advanced: true,
          }),
        ),
    })
    .prefault({}),
});

export type RunDocument = z.infer<typeof runDocumentSchema>;
/** A run document as people write it: fields with defaults may be absent. */
export type RunDocumentInput = z.input<typeof runDocumentSchema>;

/** Sentences for each problem zod found, each naming the field. */
export function describeProblems(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.length === 0 ? 'document' : issue.path.join('.')}: ${issue.message}`)
    .join('; ');
}

/**
 * Validates a run document and fills in defaults.
 * @throws LabError `invalidDocument` naming every unknown key and every value out of range.
 */
export function parseRunDocument(input: unknown): RunDocument {
  const result = runDocumentSchema.safeParse(input);
  if (!result.success) {
    throw new LabError(
      'invalidDocument',
      `The run document is not valid: ${describeProblems(result.error)}.`,
      `Correct the fields named; ${labCommand('train --help')} lists what can be set.`,
    );
  }
  const document = result.data;
  const ofBatches = methodsOf(document).find(({ needsBatch }) => needsBatch);
  if (ofBatches && document.batchSize < 2) {
    throw new LabError(
      'invalidDocument',
      `${ofBatches.name} needs at least two images in a batch, but batchSize is ${document.batchSize}.`,
      'Set batchSize to 2 or more, or choose another method.',
    );
  }
  return document;
}

/** Every method that a run names: its own, then those of single layers. */
export function methodsOf({ method, layerMethods }: Pick<RunDocument, 'method' | 'layerMethods'>): MethodDescription[] {
  return [method, ...Object.values(layerMethods)].map(({ id }) => methods[id]);
}

/**
 * A document that was valid once, with the fields that were added since: their defaults are what runs
 * did before. One that is not valid any more stays as it is.
 */
export function completeRunDocument(stored: unknown): RunDocument {
  return runDocumentSchema.safeParse(stored).data ?? (stored as RunDocument);
}

/** Identity of a run: equal documents train equally. */
export function hashRunDocument(document: RunDocument): string {
  return hashDocument(document);
}

/** Initial learning rate after scaling with the batch size: lr₀·M/M_ref. */
export function scaledLearningRate(document: RunDocument): number {
  const { learningRate, scaleWithBatchSize, referenceBatchSize } = document.optimizer;
  return scaleWithBatchSize ? (learningRate * document.batchSize) / referenceBatchSize : learningRate;
}

/** How long a run is in optimizer steps, and how many of them go once through the training images. */
export interface TrainingLength {
  stepsPerEpoch: number;
  totalSteps: number;
}

/** The length of a run on that many training images. */
export function trainingLength(document: RunDocument, trainingImages: number): TrainingLength {
  const epochSteps = stepsPerEpoch(trainingImages, document.batchSize);
  return { stepsPerEpoch: epochSteps, totalSteps: durationInSteps(document.length, epochSteps) };
}

/** The part of its initial value that a schedule gives the learning rate at step t (from 0). */
function scheduleFactor({ schedule }: RunDocument, step: number, length: TrainingLength): number {
  switch (schedule.id) {
    case 'constant':
      return 1;
    case 'perStepDecay':
      return (1 - schedule.decayPerStep) ** step;
    case 'epochDecay': {
      const drops = schedule.epochs.filter((epochs) => step >= Math.round(epochs * length.stepsPerEpoch)).length;
      return schedule.factor ** drops;
    }
    case 'cosine': {
      const cosine = Math.cos((Math.PI * step) / length.totalSteps);
      return schedule.finalFraction + ((1 - schedule.finalFraction) * (1 + cosine)) / 2;
    }
  }
}

/**
 * Learning rate of step t (from 0): lr·f(t)·min(1, (t + 1)/W) with W steps of warm-up, and f by schedule
 * 1 (constant), (1 − decay)^t (per-step decay; paper, section 6), factor^(epochs named that are over)
 * or e + (1 − e)(1 + cos(πt/T))/2 with T steps in all (cosine to the final fraction e; Loshchilov & Hutter
 * 2017, without restarts). The schedule runs during the warm-up, too: they are multiplied.
 */
export function learningRateAt(document: RunDocument, step: number, length: TrainingLength): number {
  const { unit, value } = document.warmUp;
  const warmUpSteps = Math.round(unit === 'steps' ? value : value * length.stepsPerEpoch);
  const rise = step < warmUpSteps ? (step + 1) / warmUpSteps : 1;
  return scaledLearningRate(document) * scheduleFactor(document, step, length) * rise;
}

/** Optimizer steps in an epoch: full batches only; the rest of an epoch's order is left out. */
export function stepsPerEpoch(trainingImages: number, batchSize: number): number {
  return Math.max(1, Math.floor(trainingImages / batchSize));
}

/** A duration in whole optimizer steps, at least one. */
export function durationInSteps(duration: Duration, epochSteps: number): number {
  return Math.max(1, Math.round(duration.unit === 'steps' ? duration.value : duration.value * epochSteps));
}
