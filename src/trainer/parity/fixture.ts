import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { parseSafetensors, type TensorData } from '#files/safetensors.ts';
import type { ImageShape, NetworkLayer } from '#shared/domain/architecture.ts';
import { methodIds, methods, methodSchema, type MethodId, type MethodSettings } from '#shared/domain/methods/index.ts';
import { LabError, toLabErrorData } from '#shared/errors.ts';

/** A reference run of another program: settings, values and what came of them. */

const weighted = {
  name: z.string(),
  channels: z.int().positive(),
  weight: z.enum(['plain', 'weightNorm', 'standardized']).default('plain'),
  normalizer: z.string(),
  activation: z.enum(['relu', 'none', 'thresholdedLinear']),
};
const layerSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('conv'),
    ...weighted,
    kernelSize: z.int().positive(),
    stride: z.int().positive(),
    padding: z.enum(['same', 'valid']),
  }),
  z.object({ type: z.literal('dense'), ...weighted }),
  z.object({ type: z.literal('maxPool'), size: z.int().positive(), stride: z.int().positive() }),
  z.object({ type: z.literal('flatten') }),
]);
type FixtureLayer = z.infer<typeof layerSchema>;

const penaltySchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('theorem1'),
    curvature: z.literal('sigmoid'),
    noise: z.string(),
    targetBatchSize: z.int(),
    strength: z.number(),
    /** ζ is a constant in the gradient here; a run in which it is not is another one. */
    stopGradientThroughZeta: z.literal(true).default(true),
  }),
  z.object({ type: z.literal('constant'), coefficient: z.number() }),
]);

const commonSchema = z.object({
  method: z.string(),
  input: z.object({ height: z.int(), width: z.int(), channels: z.int() }),
  classes: z.int(),
  layers: z.array(layerSchema),
  epsilon: z.number(),
});
const runSchema = commonSchema.extend({
  batchSize: z.int().positive(),
  steps: z.int().positive(),
  optimizer: z.object({
    type: z.literal('sgd'),
    learningRate: z.number(),
    momentum: z.number(),
    decayPerStep: z.number(),
  }),
  runningMomentum: z.number(),
  normalizerOptions: z.record(z.string(), z.unknown()).default({}),
  penalty: penaltySchema.nullable().default(null),
  population: z.object({ size: z.int().positive() }).nullable().default(null),
});

const tolerancesSchema = z
  .record(z.string(), z.number().nonnegative())
  .refine((tolerances) => Object.keys(tolerances).length > 0, 'there is none, so nothing would be compared');
const evaluationSchema = z.object({
  evalLoss: z.number(),
  evalAccuracy: z.number(),
  evalLogits: z.array(z.array(z.number())),
  tolerances: tolerancesSchema,
});
const expectedSchema = evaluationSchema.extend({
  steps: z.array(z.object({ dataLoss: z.number(), penalty: z.number().default(0) })),
  gradientNorms: z.record(z.string(), z.record(z.string(), z.number())),
});

/** What the fixtures of training and of folding have in common. */
interface Fixture {
  name: string;
  image: ImageShape;
  layers: NetworkLayer[];
  epsilon: number;
  /** @throws LabError `invalidDocument` where it is not there, or of another shape. */
  tensor(name: string, shape?: readonly number[]): TensorData;
  tensorNames: readonly string[];
}

export interface TrainingFixture extends Fixture {
  kind: 'training';
  method: MethodSettings;
  run: z.infer<typeof runSchema>;
  expected: z.infer<typeof expectedSchema>;
}

export interface FoldingFixture extends Fixture {
  kind: 'folding';
  expected: z.infer<typeof evaluationSchema>;
}

/**
 * Reads a fixture's folder: run.json, expected.json and tensors.safetensors.
 * @throws LabError `notFound` or `invalidDocument`: what is missing or not understood.
 */
export async function readFixture(directory: string): Promise<TrainingFixture | FoldingFixture> {
  const name = basename(directory);
  const runJson = await readJson(join(directory, 'run.json'));
  const expectedJson = await readJson(join(directory, 'expected.json'));
  const tensors = readTensors(await read(join(directory, 'tensors.safetensors')), name);
  const common = parse(commonSchema, runJson, name, 'run.json');
  const fixture: Fixture = {
    name,
    image: [common.input.height, common.input.width, common.input.channels],
    layers: common.layers.map((layer) => toNetworkLayer(layer, name)),
    epsilon: common.epsilon,
    tensor(tensorName, shape) {
      const found = tensors[tensorName];
      if (!found) throw invalid(name, `tensors.safetensors has no “${tensorName}”`);
      if (shape && found.shape.join() !== shape.join()) {
        throw invalid(name, `“${tensorName}” is [${found.shape.join()}] where [${shape.join()}] is needed`);
      }
      return found;
    },
    tensorNames: Object.keys(tensors),
  };
  if (common.method === 'foldBatchNorm') {
    const expected = parse(evaluationSchema, expectedJson, name, 'expected.json');
    checkEvaluation(fixture, expected, common.classes);
    return { ...fixture, kind: 'folding', expected };
  }
  const run = parse(runSchema, runJson, name, 'run.json');
  const expected = parse(expectedSchema, expectedJson, name, 'expected.json');
  checkEvaluation(fixture, expected, run.classes);
  checkTraining(fixture, run, expected.steps.length);
  return { ...fixture, kind: 'training', method: readMethod(run, name), run, expected };
}

function readTensors(bytes: Uint8Array, name: string): Record<string, TensorData> {
  try {
    return parseSafetensors(bytes).tensors;
  } catch (error) {
    throw invalid(name, `tensors.safetensors: ${toLabErrorData(error).message.replace(/\.$/, '')}`);
  }
}

/** What is evaluated has to fit the images, the classes and the network. */
function checkEvaluation(fixture: Fixture, { evalLogits }: z.infer<typeof evaluationSchema>, classes: number): void {
  const { name, image, layers } = fixture;
  const count = evalLogits.length;
  if (count === 0 || evalLogits.some((logits) => logits.length !== classes)) {
    throw invalid(name, `expected.json: evalLogits are not those of ${classes} classes`);
  }
  const output = layers.findLast((layer) => 'channels' in layer)?.channels;
  if (output !== classes) throw invalid(name, `its last layer has ${output ?? 0} outputs for ${classes} classes`);
  fixture.tensor('eval/x', [count, ...image]);
  checkLabels(fixture, 'eval/y', [count], classes);
}

function checkTraining(
  fixture: Fixture,
  { steps, batchSize, classes, population }: z.infer<typeof runSchema>,
  expectedSteps: number,
): void {
  if (expectedSteps !== steps) {
    throw invalid(fixture.name, `expected.json has ${expectedSteps} steps, run.json ${steps}`);
  }
  fixture.tensor('batch/x', [steps, batchSize, ...fixture.image]);
  checkLabels(fixture, 'batch/y', [steps, batchSize], classes);
  if (population) fixture.tensor('population/x', [population.size, ...fixture.image]);
}

function checkLabels(fixture: Fixture, name: string, shape: readonly number[], classes: number): void {
  const wrong = fixture.tensor(name, shape).values.find((label) => !(label >= 0 && label < classes));
  if (wrong !== undefined) throw invalid(fixture.name, `“${name}” holds ${wrong}, which is none of ${classes} classes`);
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new LabError(
      'notFound',
      `${file} cannot be read.`,
      'Name a fixture’s folder, or one that holds several.',
      error,
    );
  }
}

async function readJson(file: string): Promise<unknown> {
  const bytes = await read(file);
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new LabError('invalidDocument', `${file} is not JSON.`, 'Make the fixture again.', error);
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, name: string, file: string): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(name, `${file}: ${z.prettifyError(result.error).replace(/\s+/g, ' ')}`);
}

/** What says that a fixture does not fit together, or is beyond NormLab. */
export function invalid(name: string, what: string): LabError {
  return new LabError(
    'invalidDocument',
    `The fixture ${name} cannot be run: ${what}.`,
    'Check that it is of a form and a method that NormLab has.',
  );
}

function isNormalized(layer: FixtureLayer): boolean {
  return 'normalizer' in layer && (layer.normalizer !== 'none' || layer.weight !== 'plain');
}

function toNetworkLayer(layer: FixtureLayer, name: string): NetworkLayer {
  if (layer.type === 'maxPool' || layer.type === 'flatten') return layer;
  if (layer.activation === 'thresholdedLinear' && layer.normalizer !== 'filterResponseNorm') {
    throw invalid(name, `${layer.name} has a thresholded unit without filter response normalization`);
  }
  const own = {
    name: layer.name,
    channels: layer.channels,
    normalizable: isNormalized(layer),
    // Filter response normalization puts its threshold in the place of ReLU.
    activation: layer.activation === 'none' ? ('none' as const) : ('relu' as const),
  };
  if (layer.type === 'dense') return { type: 'dense', ...own };
  const { kernelSize, stride, padding } = layer;
  return { type: 'convolution', ...own, kernelSize, stride, padding };
}

/** The method by what each layer has: weights and normalizer together. */
const methodByLayer: Readonly<Record<string, MethodId>> = {
  ...Object.fromEntries(methodIds.map((id) => [`plain ${id}`, id] as const)),
  'weightNorm affine': 'weightNorm',
  'weightNorm meanOnlyBatchNorm': 'weightNormMeanOnlyBatchNorm',
  'weightNorm varianceOnlyBatchNorm': 'weightNormVarianceOnlyBatchNorm',
  'standardized groupNorm': 'weightStandardization',
};

function readMethod(run: z.infer<typeof runSchema>, name: string): MethodSettings {
  const found = new Set<MethodId>();
  const usesInstanceNorm = run.layers.some((layer) => 'normalizer' in layer && layer.normalizer === 'instanceNorm');
  for (const layer of run.layers) {
    if (!isNormalized(layer) || !('normalizer' in layer)) continue;
    // Instance normalization is layer normalization in a fully connected layer.
    if (usesInstanceNorm && layer.type === 'dense' && layer.normalizer === 'layerNorm') continue;
    const id = methodByLayer[`${layer.weight} ${layer.normalizer}`];
    if (id === undefined) throw invalid(name, `${layer.name} has ${layer.weight} weights and ${layer.normalizer}`);
    found.add(id === 'populationNorm' && run.penalty !== null ? 'populationNormGammaDecay' : id);
  }
  if (found.size > 1) throw invalid(name, `its layers have several methods (${[...found].join(', ')})`);
  const [id = 'none'] = found;
  const { penalty } = run;
  const known: Record<string, unknown> = {
    epsilon: run.epsilon,
    runningMomentum: run.runningMomentum,
    ...run.normalizerOptions,
    ...(run.population && { images: run.population.size }),
    ...(penalty?.type === 'theorem1' && {
      noise: penalty.noise,
      targetBatchSize: penalty.targetBatchSize,
      strength: penalty.strength,
    }),
    ...(penalty?.type === 'constant' && {
      gammaDecay: penalty.coefficient,
      coefficient: 'constant',
      constantCoefficient: penalty.coefficient,
    }),
    dataDependentInitialization: false,
  };
  const fields = Object.keys(methods[id].schema.shape);
  if (penalty !== null && !fields.includes('gammaDecay') && !fields.includes('coefficient')) {
    throw invalid(name, `${methods[id].name} has no penalty here`);
  }
  return parse(
    methodSchema,
    { id, ...Object.fromEntries(Object.entries(known).filter(([field]) => fields.includes(field))) },
    name,
    'run.json',
  );
}
