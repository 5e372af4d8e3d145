import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { scalar, tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { parseSafetensors, type TensorData } from '#files/safetensors.ts';
import type { NetworkLayer } from '#shared/domain/architecture.ts';
import { methodIds, methodSchema } from '#shared/domain/methods/index.ts';
import type { Engine, TensorRecord } from '#trainer/engines/engine.ts';
import { createNetwork } from '#trainer/network.ts';
import { advanceState, createInitialState, readState, uploadState } from '#trainer/state.ts';
import {
  createEvaluationStep,
  createTrainingStep,
  lossAndGradients,
  stateSpecifications,
  statePrefixes,
  type StepExecution,
} from '#trainer/steps.ts';
import { addPrefix, disposeAll, readScalar, requireTensor, selectByPrefix } from '#trainer/tensors.ts';

const layerSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('conv'),
    name: z.string(),
    kernelSize: z.int(),
    channels: z.int(),
    stride: z.int(),
    padding: z.enum(['same', 'valid']),
    normalizer: z.string(),
    activation: z.enum(['relu', 'none']),
  }),
  z.object({
    type: z.literal('dense'),
    name: z.string(),
    channels: z.int(),
    normalizer: z.string(),
    activation: z.enum(['relu', 'none']),
  }),
  z.object({ type: z.literal('maxPool'), size: z.int(), stride: z.int() }),
  z.object({ type: z.literal('flatten') }),
]);

const runSchema = z.object({
  input: z.object({ height: z.int(), width: z.int(), channels: z.int() }),
  classes: z.int(),
  batchSize: z.int(),
  steps: z.int(),
  layers: z.array(layerSchema),
  optimizer: z.object({ learningRate: z.number(), momentum: z.number(), decayPerStep: z.number() }),
  epsilon: z.number(),
  runningMomentum: z.number(),
});

const expectedSchema = z.object({
  steps: z.array(z.object({ learningRate: z.number(), dataLoss: z.number() })),
  gradientNorms: z.object({ 0: z.record(z.string(), z.number()), 1: z.record(z.string(), z.number()) }),
  evalLoss: z.number(),
  evalAccuracy: z.number(),
  evalLogits: z.array(z.array(z.number())),
  tolerances: z.object({
    lossAbs: z.number(),
    gradNormRel: z.number(),
    step0GradientRel: z.number(),
    updateRel: z.number(),
    statisticsRel: z.number(),
    evalLogitsAbs: z.number(),
    evalLossAbs: z.number(),
    evalAccuracyAbs: z.number(),
  }),
});

const fixturesDirectory = join(import.meta.dirname, '../../../shared/parity');

/** Folders of fixtures whose every layer one of our methods computes; empty where there are none. */
export function findParityFixtures(): { name: string; directory: string }[] {
  if (!existsSync(fixturesDirectory)) return [];
  return readdirSync(fixturesDirectory)
    .map((name) => ({ name, directory: join(fixturesDirectory, name) }))
    .filter(({ name }) => ['none', 'batchNorm', 'singleLayerBatchNorm'].includes(name));
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
}

function distance(left: ArrayLike<number>, right: ArrayLike<number>): number {
  if (left.length !== right.length) return NaN;
  return norm(Array.from(left, (value, index) => value - (right[index] ?? NaN)));
}

type Deviation = keyof z.infer<typeof expectedSchema>['tolerances'];

/**
 * Runs a fixture's steps from its values with its batches and measures how far everything is from
 * the reference, as the fixtures' own description defines it.
 */
export function measureParity(
  directory: string,
  engine: Engine,
  execution: StepExecution,
): { deviations: Record<Deviation, number>; tolerances: Record<Deviation, number> } {
  const run = runSchema.parse(readJson(join(directory, 'run.json')));
  const expected = expectedSchema.parse(readJson(join(directory, 'expected.json')));
  const { tensors } = parseSafetensors(readFileSync(join(directory, 'tensors.safetensors')));
  const given = (name: string): TensorData => {
    const found = tensors[name];
    if (!found) throw new Error(`the fixture has no ${name}`);
    return found;
  };

  const image = [run.input.height, run.input.width, run.input.channels] as const;
  const layers = run.layers.map((layer): NetworkLayer => {
    if (layer.type === 'conv') return { ...layer, type: 'convolution', normalizable: layer.normalizer !== 'none' };
    return layer.type === 'dense' ? { ...layer, normalizable: layer.normalizer !== 'none' } : layer;
  });
  const normalizers = run.layers.flatMap((layer) => ('normalizer' in layer ? [layer.normalizer] : []));
  const id = methodIds.find((candidate) => candidate !== 'none' && normalizers.includes(candidate)) ?? 'none';
  const method = methodSchema.parse(
    id === 'none' ? { id } : { id, epsilon: run.epsilon, runningMomentum: run.runningMomentum },
  );
  const network = createNetwork(layers, image, method, 'all');
  const parameterNames = Object.keys(network.variables.parameters);

  const initial = createInitialState(network, 0);
  for (const name of parameterNames) initial[statePrefixes.parameters + name] = given(`initial/${name}`);
  let state = uploadState(initial);

  const slice = (name: string, index: number): TensorData => {
    const { shape, values } = given(name);
    const rest = shape.slice(1);
    const size = rest.reduce((product, length) => product * length, 1);
    return { shape: rest, values: values.slice(index * size, (index + 1) * size) };
  };
  const batchOf = (images: TensorData, labels: TensorData): TensorRecord => ({
    images: tensor(images.values, [...images.shape], 'float32'),
    labels: tensor(labels.values, [...labels.shape], 'int32'),
  });

  // The training step gives no gradients: a step of their own for the first two batches.
  const gradientStep = engine.createStep({
    name: 'gradients',
    inputs: {
      ...stateSpecifications(network),
      images: { shape: [run.batchSize, ...image], dtype: 'float32' },
      labels: { shape: [run.batchSize], dtype: 'int32' },
    },
    body(inputs, operations) {
      const { gradients, logits } = lossAndGradients(network, inputs, operations);
      return { ...addPrefix(gradients, 'gradients/'), logits };
    },
    ...execution,
  });
  const trainingStep = createTrainingStep(engine, network, image, run.batchSize, run.optimizer.momentum, execution);

  const deviations: Record<Deviation, number> = {
    lossAbs: 0,
    gradNormRel: 0,
    step0GradientRel: 0,
    updateRel: 0,
    statisticsRel: 0,
    evalLogitsAbs: 0,
    evalLossAbs: 0,
    evalAccuracyAbs: 0,
  };
  const note = (name: Deviation, value: number): void => {
    // `Math.max` would lose nothing but a NaN must stay one.
    deviations[name] = Number.isNaN(value) ? NaN : Math.max(deviations[name], value);
  };

  for (let step = 0; step < run.steps; step++) {
    const batch = batchOf(slice('batch/x', step), slice('batch/y', step));
    if (step <= 1) {
      const results = gradientStep.run({ ...state, ...batch });
      for (const [name, gradient] of Object.entries(selectByPrefix(results, 'gradients/'))) {
        const values = gradient.dataSync();
        const reference = expected.gradientNorms[step === 0 ? 0 : 1][name] ?? NaN;
        note('gradNormRel', Math.abs(norm(values) - reference) / (reference + 1e-3));
        if (step === 0) {
          const exact = given(`step0Gradient/${name}`).values;
          note('step0GradientRel', distance(values, exact) / (norm(exact) + 1e-3));
        }
      }
      disposeAll(results);
    }
    const reference = expected.steps[step];
    const learningRate = scalar(reference?.learningRate ?? NaN, 'float32');
    const results = trainingStep.run({ ...state, ...batch, learningRate });
    note('lossAbs', Math.abs(readScalar(results, 'loss') - (reference?.dataLoss ?? NaN)));
    state = advanceState(state, results);
    learningRate.dispose();
    disposeAll(batch);
  }

  const final = readState(state);
  for (const name of parameterNames) {
    const reference = given(`final/${name}`).values;
    const moved = distance(reference, given(`initial/${name}`).values) + 0.01 * norm(reference);
    note('updateRel', distance(final[statePrefixes.parameters + name]?.values ?? [], reference) / moved);
  }
  for (const name of Object.keys(network.variables.statistics)) {
    const reference = given(`final/${name}`).values;
    const found = final[statePrefixes.statistics + name]?.values ?? [];
    note('statisticsRel', distance(found, reference) / (norm(reference) + 1e-3));
  }

  const evaluationBatch = batchOf(given('eval/x'), given('eval/y'));
  const count = expected.evalLogits.length;
  const variables = Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith(statePrefixes.slots)));
  const logitsStep = engine.createStep({
    name: 'logits',
    inputs: {
      ...Object.fromEntries(
        Object.entries(stateSpecifications(network)).filter(([name]) => !name.startsWith(statePrefixes.slots)),
      ),
      images: { shape: [count, ...image], dtype: 'float32' },
    },
    body: (inputs, operations) => ({
      logits: network.forwardEvaluation({
        images: requireTensor(inputs, 'images') as Tensor4D,
        parameters: selectByPrefix(inputs, statePrefixes.parameters),
        statistics: selectByPrefix(inputs, statePrefixes.statistics),
        operations,
      }),
    }),
    ...execution,
  });
  const evaluationStep = createEvaluationStep(engine, network, image, count, execution);
  const { images, ...labels } = evaluationBatch;
  const logitsResults = logitsStep.run({ ...variables, images: requireTensor(evaluationBatch, 'images') });
  const logits = requireTensor(logitsResults, 'logits').dataSync();
  expected.evalLogits.flat().forEach((value, index) => note('evalLogitsAbs', Math.abs((logits[index] ?? NaN) - value)));
  const evaluation = evaluationStep.run({ ...variables, ...labels, ...(images && { images }) });
  note('evalLossAbs', Math.abs(readScalar(evaluation, 'lossSum') / count - expected.evalLoss));
  note('evalAccuracyAbs', Math.abs(readScalar(evaluation, 'correctCount') / count - expected.evalAccuracy));

  for (const record of [logitsResults, evaluation, evaluationBatch, state]) disposeAll(record);
  for (const step of [gradientStep, trainingStep, logitsStep, evaluationStep]) step.dispose();
  return { deviations, tolerances: expected.tolerances };
}
