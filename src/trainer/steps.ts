import {
  add,
  addN,
  argMax,
  cast,
  equal,
  keep,
  mean,
  mul,
  reshape,
  square,
  sub,
  sum,
  tidy,
  valueAndGrads,
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { metricSeries } from '#shared/domain/metric.ts';
import type {
  Engine,
  Step,
  StepDefinition,
  StepOperations,
  TensorRecord,
  TensorSpecification,
} from './engines/engine.ts';
import { takePopulationStatistics } from './fisherInformation.ts';
import { batchAxes, channelSum } from './methods/statistics.ts';
import type { Network, NetworkInputs, PassHooks } from './network.ts';
import type { Optimizer } from './optimizer.ts';
import { randomSeedSpecification } from './randomSource.ts';
import { addPrefix, disposeAll, requireTensor, selectByPrefix } from './tensors.ts';
import type { VariableDefinition } from './methods/method.ts';

/** Parts of the training state, as prefixes of the names of tensors in steps and checkpoints. */
export const statePrefixes = { parameters: 'parameters/', slots: 'slots/', statistics: 'statistics/' } as const;

/** Prefix of logged scalars among a training step's results. */
export const logPrefix = 'logs/';

export type StepExecution = Pick<StepDefinition, 'mode' | 'operations' | 'precision'>;

function specifications(
  variables: Record<string, VariableDefinition>,
  prefix: string,
): Record<string, TensorSpecification> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, { shape }]) => [prefix + name, { shape, dtype: 'float32' }]),
  );
}

/** Shape of every tensor that training changes: parameters, optimizer slots, statistics. */
export function stateSpecifications(network: Network, optimizer: Optimizer): Record<string, TensorSpecification> {
  const { parameters, statistics } = network.variables;
  return {
    ...specifications(parameters, statePrefixes.parameters),
    ...Object.fromEntries(
      optimizer.slots.flatMap((slot) => Object.entries(specifications(parameters, `${statePrefixes.slots}${slot}/`))),
    ),
    ...specifications(statistics, statePrefixes.statistics),
  };
}

/** Kernels and the directions in their place, which alone are drawn at random. */
function isWeight(variable: VariableDefinition | undefined): boolean {
  return variable?.initial.kind === 'heNormal';
}

function batchSpecifications({ loss }: Network, image: ImageShape, size: number): Record<string, TensorSpecification> {
  const dtype = loss === 'crossEntropy' ? 'int32' : 'float32';
  return { images: { shape: [size, ...image], dtype: 'float32' }, labels: { shape: [size], dtype } };
}

/** Loss of each sample, [M]: cross-entropy, or ½(y − ŷ)² of outputs [M,1]. */
function sampleLosses({ loss }: Network, outputs: Tensor2D, labels: Tensor1D, operations: StepOperations): Tensor1D {
  if (loss === 'crossEntropy') return operations.softmaxCrossEntropy(outputs, labels);
  return mul(square(sub(reshape(outputs, [-1]), labels)), 0.5);
}

/** `correctCount` where there are classes. */
function correctCount({ loss }: Network, logits: Tensor2D, labels: Tensor1D): TensorRecord {
  return loss === 'crossEntropy' ? { correctCount: countCorrect(logits, labels) } : {};
}

/** Number of images whose largest logit is their label's, int32. */
function countCorrect(logits: Tensor2D, labels: Tensor1D): Scalar {
  return sum(cast(equal(cast(argMax(logits, 1), 'int32'), labels), 'int32'));
}

function populationSpecifications(image: ImageShape, size: number | null): Record<string, TensorSpecification> {
  return size === null ? {} : { population: { shape: [size, ...image], dtype: 'float32' } };
}

type StepInputs = Parameters<StepDefinition['body']>;

/** What a pass through the network reads, from the inputs of a step. */
function networkInputs(inputs: StepInputs[0], operations: StepInputs[1], images = 'images'): NetworkInputs {
  return {
    images: requireTensor(inputs, images) as Tensor4D,
    parameters: selectByPrefix(inputs, statePrefixes.parameters),
    statistics: selectByPrefix(inputs, statePrefixes.statistics),
    operations,
    randomSeed: inputs['randomSeed'] as Tensor1D | undefined,
  };
}

export interface LossAndGradients {
  /** Mean of the batch. */
  loss: Scalar;
  /** What the methods add to it; null where they add nothing. */
  penalty: Scalar | null;
  logits: Tensor2D;
  /** The value of every statistic after the step. */
  statistics: TensorRecord;
  /** Of loss and penalty together, with respect to every parameter. */
  gradients: TensorRecord;
}

/**
 * Loss of a batch, and the gradient of loss and penalty. Where the inputs have images `population`,
 * statistics are taken from them first, without gradient.
 */
export function lossAndGradients(
  network: Network,
  inputs: TensorRecord,
  operations: Parameters<StepDefinition['body']>[1],
): LossAndGradients {
  const given = networkInputs(inputs, operations);
  const statistics = {
    ...given.statistics,
    ...(inputs['population'] &&
      tidy(() => takePopulationStatistics(network, networkInputs(inputs, operations, 'population')))),
  };
  const names = Object.keys(given.parameters);
  let forward: Pick<LossAndGradients, 'loss' | 'penalty' | 'logits' | 'statistics'> | undefined;
  const { value, grads } = valueAndGrads((...values: Tensor[]) => {
    const parameters = Object.fromEntries(names.map((name, index) => [name, values[index] as Tensor]));
    const result = network.forwardTraining({ ...given, parameters, statistics });
    const labels = requireTensor(inputs, 'labels') as Tensor1D;
    const loss: Scalar = mean(sampleLosses(network, result.logits, labels, operations));
    const penalty = network.penalty(parameters, statistics);
    // The gradient function frees what it does not return: these are wanted after it.
    for (const wanted of [loss, penalty, result.logits, ...Object.values(result.statistics)]) if (wanted) keep(wanted);
    forward = { loss, penalty, logits: result.logits, statistics: { ...statistics, ...result.statistics } };
    return penalty === null ? loss : add(loss, penalty);
  })(names.map((name) => requireTensor(given.parameters, name)));
  if (!forward) throw new Error('the forward pass did not run');
  if (value !== forward.loss) value.dispose();
  return {
    ...forward,
    gradients: Object.fromEntries(names.map((name, index) => [name, grads[index] as Tensor])),
  };
}

/**
 * One optimizer step: forward, backward, update and statistics in one call.
 *
 * Inputs: the state (see `stateSpecifications`), `images` [M,H,W,C], `labels` [M] (int32 classes or float32 values), the
 * optimizer's scalars, with a population `population` [n,H,W,C], from which statistics are taken before the step,
 * and where the network draws random numbers `randomSeed` (see `createRandomSeed`).
 * Results: the new state under the same names, `loss` and, of classes, `correctCount` of the batch before
 * the update, `stateSum`, which is finite only where all new parameters and statistics are, and `logs/<series>`.
 * @param populationSize Images that statistics are taken from; null keeps the statistics there are.
 */
export function createTrainingStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  batchSize: number,
  optimizer: Optimizer,
  execution: StepExecution,
  populationSize: number | null = null,
): Step {
  const decays = (name: string): boolean => isWeight(network.variables.parameters[name]);
  return engine.createStep({
    name: populationSize === null ? 'trainingStep' : 'trainingStepWithPopulation',
    inputs: {
      ...stateSpecifications(network, optimizer),
      ...batchSpecifications(network, image, batchSize),
      ...populationSpecifications(image, populationSize),
      ...(network.drawsRandomNumbers && randomSeedSpecification),
      ...Object.fromEntries(optimizer.scalarNames.map((name) => [name, { shape: [], dtype: 'float32' as const }])),
    },
    body(inputs, operations) {
      const { loss, penalty, logits, statistics, gradients } = lossAndGradients(network, inputs, operations);
      const parameters = selectByPrefix(inputs, statePrefixes.parameters);
      const correct = correctCount(network, logits, requireTensor(inputs, 'labels') as Tensor1D);
      logits.dispose();
      const slots = selectByPrefix(inputs, statePrefixes.slots);
      const updated = optimizer.update({ parameters, slots }, gradients, inputs, decays);
      const logs = { ...network.logs(parameters, statistics), ...(penalty && { [metricSeries.penalty]: penalty }) };
      return {
        ...addPrefix(updated.parameters, statePrefixes.parameters),
        ...addPrefix(updated.slots, statePrefixes.slots),
        ...addPrefix(statistics, statePrefixes.statistics),
        loss,
        ...correct,
        stateSum: addN([...Object.values(updated.parameters), ...Object.values(statistics)].map((value) => sum(value))),
        ...addPrefix(logs, logPrefix),
      };
    },
    ...execution,
  });
}

function variableSpecifications(network: Network): Record<string, TensorSpecification> {
  return {
    ...specifications(network.variables.parameters, statePrefixes.parameters),
    ...specifications(network.variables.statistics, statePrefixes.statistics),
  };
}

/**
 * Statistics of `size` images of the population. Inputs: parameters, statistics, `population`;
 * results: `statistics/…`, those only that the methods take from a population in a pass forward.
 */
export function createPopulationStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  size: number,
  execution: StepExecution,
): Step {
  return engine.createStep({
    name: `populationStep${size}`,
    inputs: { ...variableSpecifications(network), ...populationSpecifications(image, size) },
    body: (inputs, operations) =>
      addPrefix(
        network.forwardPopulation(networkInputs(inputs, operations, 'population')).statistics,
        statePrefixes.statistics,
      ),
    ...execution,
  });
}

/** Prefix of gradients among a gradient step's results. */
export const gradientPrefix = 'gradients/';

/** Gradients of a batch without an update, for checks: inputs as of a training step, but the learning rate. */
export function createGradientStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  batchSize: number,
  execution: StepExecution,
  populationSize: number | null = null,
): Step {
  return engine.createStep({
    name: 'gradientStep',
    inputs: {
      ...variableSpecifications(network),
      ...batchSpecifications(network, image, batchSize),
      ...populationSpecifications(image, populationSize),
      ...(network.drawsRandomNumbers && randomSeedSpecification),
    },
    body: (inputs, operations) => addPrefix(lossAndGradients(network, inputs, operations).gradients, gradientPrefix),
    ...execution,
  });
}

/**
 * The forward pass of a gradient step alone, for checks: `losses` [M], the cross-entropy of each image;
 * `penalty` where the methods have one; `statistics/…` after the step.
 */
export function createLossStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  batchSize: number,
  execution: StepExecution,
): Step {
  return engine.createStep({
    name: 'lossStep',
    inputs: {
      ...variableSpecifications(network),
      ...batchSpecifications(network, image, batchSize),
      ...(network.drawsRandomNumbers && randomSeedSpecification),
    },
    body(inputs, operations) {
      const given = networkInputs(inputs, operations);
      const { logits, statistics } = network.forwardTraining(given);
      const penalty = network.penalty(given.parameters, given.statistics);
      return {
        losses: sampleLosses(network, logits, requireTensor(inputs, 'labels') as Tensor1D, operations),
        ...(penalty && { penalty }),
        ...addPrefix(statistics, statePrefixes.statistics),
      };
    },
    ...execution,
  });
}

/**
 * Sum of the squared gradients of each output channel (the last axis) of every parameter, [C], of the
 * loss and penalty of a batch; inputs as of a gradient step. Results: `<layer>/<parameter>`.
 */
export function createGradientNormStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  batchSize: number,
  execution: StepExecution,
): Step {
  return engine.createStep({
    name: 'gradientNormStep',
    inputs: {
      ...variableSpecifications(network),
      ...batchSpecifications(network, image, batchSize),
      ...(network.drawsRandomNumbers && randomSeedSpecification),
    },
    body: (inputs, operations) =>
      Object.fromEntries(
        Object.entries(lossAndGradients(network, inputs, operations).gradients).map(([name, gradient]) => [
          name,
          channelSum(square(gradient)),
        ]),
      ),
    ...execution,
  });
}

/**
 * What `observe` makes of h, the linear map's values, of each layer in a pass over `size` images.
 * Inputs: parameters, statistics, `images`, and `randomSeed` as of a training step; results: `<name>/<layer>`.
 */
export function createObservationStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  size: number,
  pass: 'training' | 'evaluation',
  execution: StepExecution,
  observe: (h: Tensor) => TensorRecord,
): Step {
  return engine.createStep({
    name: `observationStep${size}`,
    inputs: {
      ...variableSpecifications(network),
      images: { shape: [size, ...image], dtype: 'float32' },
      ...(network.drawsRandomNumbers && randomSeedSpecification),
    },
    body(inputs, operations) {
      const observed: TensorRecord = {};
      const given = {
        ...networkInputs(inputs, operations),
        hooks: {
          observeLinear(layer: string, h: Tensor) {
            for (const [name, value] of Object.entries(observe(h))) observed[`${name}/${layer}`] = value;
          },
        },
      };
      if (pass === 'training') network.forwardTraining(given);
      else network.forwardEvaluation(given);
      return observed;
    },
    ...execution,
  });
}

/** `preactivations` [size,C], what goes into a layer's activation in evaluation; inputs as of `createLogitsStep`. */
export function createPreactivationStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  size: number,
  layer: string,
  execution: StepExecution,
): Step {
  return engine.createStep({
    name: 'preactivationStep',
    inputs: { ...variableSpecifications(network), images: { shape: [size, ...image], dtype: 'float32' } },
    body(inputs, operations) {
      let preactivations: Tensor | undefined;
      network.forwardEvaluation({
        ...networkInputs(inputs, operations),
        hooks: {
          replaceOutput(name, output) {
            if (name === layer) preactivations = output;
            return output;
          },
        },
      });
      if (!preactivations) throw new Error(`the network has no layer ${layer}`);
      return { preactivations };
    },
    ...execution,
  });
}

/** `logits` [size,K] of images with the statistics for evaluation; inputs as of an evaluation step, but labels. */
export function createLogitsStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  size: number,
  execution: StepExecution,
): Step {
  return engine.createStep({
    name: `logitsStep${size}`,
    inputs: { ...variableSpecifications(network), images: { shape: [size, ...image], dtype: 'float32' } },
    body: (inputs, operations) => ({ logits: network.forwardEvaluation(networkInputs(inputs, operations)) }),
    ...execution,
  });
}

/**
 * The state with the parameters that the methods set by a first batch. Takes the state and the batch
 * over: they are freed, as far as the result does not hold them.
 */
export function initializeFromData(
  engine: Engine,
  network: Network,
  state: TensorRecord,
  batch: TensorRecord,
  execution: StepExecution,
): TensorRecord {
  const images = requireTensor(batch, 'images');
  const step = engine.createStep({
    name: 'initializationStep',
    inputs: { ...variableSpecifications(network), images: { shape: images.shape, dtype: 'float32' } },
    body: (inputs, operations) =>
      addPrefix(network.initialize(networkInputs(inputs, operations)).parameters, statePrefixes.parameters),
    ...execution,
  });
  const initialized = step.run({ ...state, images });
  step.dispose();
  disposeAll(batch);
  for (const name of Object.keys(initialized)) requireTensor(state, name).dispose();
  return { ...state, ...initialized };
}

/**
 * Mean of what goes into the activation, of each channel of these layers over `size` images and
 * positions, [C], in evaluation. Inputs: parameters, statistics, `images`; results: `<layer>`.
 */
export function createOutputMeansStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  size: number,
  layers: readonly string[],
  execution: StepExecution,
): Step {
  return engine.createStep({
    name: `outputMeansStep${size}`,
    inputs: { ...variableSpecifications(network), images: { shape: [size, ...image], dtype: 'float32' } },
    body(inputs, operations) {
      const means: TensorRecord = {};
      network.forwardEvaluation({
        ...networkInputs(inputs, operations),
        hooks: {
          replaceOutput(layer, output) {
            if (layers.includes(layer)) means[layer] = mean(output, batchAxes(output));
            return output;
          },
        },
      });
      return means;
    },
    ...execution,
  });
}

/**
 * An evaluation step in which channels are fixed: what goes into a layer's activation is
 * kept·output + (1 − kept)·fixed. Further inputs: `kept/<layer>`, 1 or 0, and `fixed/<layer>`, [C].
 */
export function createAblationStep(
  channels: Readonly<Record<string, number>>,
  ...[engine, network, image, size, execution]: Parameters<typeof createEvaluationStep>
): Step {
  const ofChannels = Object.entries(channels).flatMap(([layer, count]) =>
    ['kept', 'fixed'].map((name) => [`${name}/${layer}`, { shape: [count], dtype: 'float32' as const }] as const),
  );
  return engine.createStep({
    name: `ablationStep${size}`,
    inputs: {
      ...variableSpecifications(network),
      ...batchSpecifications(network, image, size),
      ...Object.fromEntries(ofChannels),
    },
    body(inputs, operations) {
      const hooks: PassHooks = {
        replaceOutput(layer, output) {
          if (channels[layer] === undefined) return output;
          const kept = requireTensor(inputs, `kept/${layer}`);
          return add(mul(output, kept), mul(requireTensor(inputs, `fixed/${layer}`), sub(1, kept)));
        },
      };
      const logits = network.forwardEvaluation({ ...networkInputs(inputs, operations), hooks });
      return evaluationResults(network, logits, requireTensor(inputs, 'labels') as Tensor1D, operations);
    },
    ...execution,
  });
}

function evaluationResults(
  network: Network,
  logits: Tensor2D,
  labels: Tensor1D,
  operations: StepInputs[1],
): TensorRecord {
  return {
    lossSum: sum(sampleLosses(network, logits, labels, operations)),
    ...correctCount(network, logits, labels),
  };
}

/**
 * Loss and accuracy of `size` images with the statistics for evaluation. Inputs: parameters,
 * statistics, `images`, `labels`; results: `lossSum` and, of classes, `correctCount` over the images.
 */
export function createEvaluationStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  size: number,
  execution: StepExecution,
): Step {
  return engine.createStep({
    name: `evaluationStep${size}`,
    inputs: { ...variableSpecifications(network), ...batchSpecifications(network, image, size) },
    body(inputs, operations) {
      const logits = network.forwardEvaluation(networkInputs(inputs, operations));
      return evaluationResults(network, logits, requireTensor(inputs, 'labels') as Tensor1D, operations);
    },
    ...execution,
  });
}
