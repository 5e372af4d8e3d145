import { z } from 'zod';
import { hashDocument } from '../canonicalJson.ts';
import { describeProblems } from '../describeProblems.ts';
import { LabError } from '../errors.ts';
import { labCommand } from '../labCommand.ts';
import { architectureSchema } from './architectures/index.ts';
import { checksumSchema } from './dataset.ts';
import { defaultChoices } from './defaultChoices.ts';
import { diagnosticsSchema } from './diagnostics.ts';
import { dropoutSchema } from './dropout.ts';
import { durationSchema, optionalDurationSchema } from './duration.ts';
import { initialWeightsSchema } from './initialWeights.ts';
import { meta, type MethodDescription } from './method.ts';
import { methodSchema, methods } from './methods/index.ts';
import { optimizerSchema } from './optimizer.ts';
import { scheduleSchema } from './schedule.ts';

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
      keepBest: z
        .boolean()
        .default(true)
        .meta(
          meta({
            title: 'Keep the best checkpoint',
            help: 'Also keeps the checkpoint with the lowest validation loss, of those at whose step the run was evaluated.',
            advanced: true,
          }),
        ),
      keepEvery: optionalDurationSchema.default({ unit: 'epochs', value: 0 }).meta(
        meta({
          title: 'Also keep every',
          help: 'Also keeps the checkpoints at each multiple of this; 0 is none.',
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
