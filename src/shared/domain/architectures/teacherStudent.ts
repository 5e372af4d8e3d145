import { z } from 'zod';
import { hashDocument } from '../../canonicalJson.ts';
import { LabError } from '../../errors.ts';
import type { ArchitectureDescription } from '../architecture.ts';
import type { DatasetDocument } from '../dataset.ts';
import type { FieldMeta } from '../method.ts';

const seedMaximum = 0xffff_ffff;
/** Inputs of all samples together: 1 GiB of float32. */
const maximumValues = 2 ** 28;

export const teacherStudentSchema = z.strictObject({
  id: z.literal('teacher-student'),
  activation: z
    .enum(['identity', 'relu', 'erf'])
    .default('identity')
    .meta({
      title: 'Activation',
      symbol: 'g',
      help: 'Of teacher and student alike.',
      choices: { identity: 'Identity', relu: 'ReLU', erf: 'erf(h/√2)' },
    } satisfies FieldMeta),
  inputs: z
    .int()
    .min(2)
    .max(16_384)
    .default(512)
    .meta({ title: 'Inputs', symbol: 'N', help: 'Values of one sample, and weights of the unit.' } satisfies FieldMeta),
  samples: z
    .int()
    .min(2)
    .max(1_000_000)
    .default(1024)
    .meta({
      title: 'Training samples',
      symbol: 'P',
      help: 'Samples drawn for training; α = P/N of them for each input.',
    } satisfies FieldMeta),
  validationSamples: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1000)
    .meta({
      title: 'Validation samples',
      help: 'Samples drawn for validation; their targets have no noise.',
    } satisfies FieldMeta),
  noiseVariance: z
    .number()
    .min(0)
    .max(100)
    .default(0.25)
    .meta({
      title: 'Noise variance',
      symbol: 'S',
      help: 'Variance of what is added to each target in training.',
    } satisfies FieldMeta),
  dataSeed: z
    .int()
    .min(0)
    .max(seedMaximum)
    .default(0)
    .meta({
      title: 'Seed of the data',
      help: 'Draws teacher, inputs and noise; the seeds of runs choose initial weights and batch order.',
      advanced: true,
    } satisfies FieldMeta),
});
export type TeacherStudentSettings = z.infer<typeof teacherStudentSchema>;

/** Name of the one layer, and of its weights. */
export const teacherStudentLayer = 'unit';

/**
 * One unit that learns from another: y = g(w*ᵀx) + √S·n, n ~ N(0, 1) in training only, student
 * ŷ = g(wᵀx + b) with the method's normalizer between product and g, half squared error ½(y − ŷ)².
 *
 * Units: x ~ N(0, I) and ‖w*‖ = 1 here, where the paper has x ~ N(0, I/N) and ‖w*‖² = N. Products wᵀx are
 * the same. Its w is √N times the weights here, and its learning rate η for one sample is N times that here;
 * then its γ has rate η/N, as its equations want.
 * Source: Luo et al. 2019, sections 3 and 4, figure 1; without their b = 0: the unit has a bias.
 */
export const teacherStudent = {
  id: 'teacher-student',
  name: 'Teacher and student',
  help: 'One unit that learns what another does, as in the paper’s theory; draws its own data and leaves the data set alone.',
  source: 'Luo et al. 2019, sections 3 and 4',
  schema: teacherStudentSchema,
  loss: 'halfSquaredError',
  // Those that leave the trained unit a linear one before g; the others normalize a single value by itself, or
  // take their strength from a curvature that is not g's.
  possibleMethods: [
    'none',
    'batchNorm',
    'ghostBatchNorm',
    'batchRenorm',
    'noiseSeparatedBatchNorm',
    'populationNorm',
    'weightNorm',
    'weightNormMeanOnlyBatchNorm',
    'weightNormVarianceOnlyBatchNorm',
  ],
  layers({ activation, inputs, samples, validationSamples }) {
    if (inputs * (samples + validationSamples) > maximumValues) {
      throw new LabError(
        'invalidDocument',
        `${samples + validationSamples} samples of ${inputs} inputs do not fit in 1 GiB.`,
        'Set architecture.inputs, architecture.samples or architecture.validationSamples lower.',
      );
    }
    return [
      { type: 'flatten' },
      {
        type: 'dense',
        name: teacherStudentLayer,
        channels: 1,
        normalizable: true,
        activation: activation === 'identity' ? 'none' : activation,
      },
    ];
  },
  generatedDataset: describeData,
} as const satisfies ArchitectureDescription<typeof teacherStudentSchema>;

/** The drawn data as if they were a data set: a sample is an image of one row, and there is one “class”, the value. */
function describeData(settings: TeacherStudentSettings): DatasetDocument {
  const { inputs, samples, validationSamples, noiseVariance, dataSeed } = settings;
  const checksum = hashDocument({ generatorVersion: 1, ...settings });
  const split = (count: number): DatasetDocument['training'] => ({
    count,
    classCounts: [count],
    imagesFile: '',
    imagesChecksum: checksum,
    labelsFile: '',
    labelsChecksum: checksum,
  });
  return {
    format: 'normlab.dataset',
    version: 1,
    id: teacherStudent.id,
    name: 'Teacher and student',
    image: { height: 1, width: inputs, channels: 1 },
    classNames: ['value'],
    training: split(samples),
    validation: split(validationSamples),
    normalization: { mean: [0], standardDeviation: [1] },
    checksum,
    provenance: {
      kind: 'teacher-student',
      sources: [],
      importedAt: '1970-01-01T00:00:00.000Z',
      notes: [],
      settings: { inputs, samples, validationSamples, noiseVariance, dataSeed },
    },
  };
}
