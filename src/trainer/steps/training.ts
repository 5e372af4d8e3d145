import { addN, sum, type Tensor1D } from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { metricSeries } from '#shared/domain/metric.ts';
import type { Engine, Step, TensorRecord } from '../engines/engine.ts';
import type { Network } from '../network.ts';
import type { Optimizer } from '../optimizer.ts';
import { addPrefix, disposeAll, requireTensor, selectByPrefix } from '../tensors.ts';
import type { VariableDefinition } from '../methods/method.ts';
import {
  trainingPassSpecifications,
  networkInputs,
  populationSpecifications,
  statePrefixes,
  stateSpecifications,
  type StepExecution,
  variableSpecifications,
} from './inputs.ts';
import { correctCount, lossAndGradients } from './losses.ts';

/** Prefix of logged scalars among a training step's results. */
export const logPrefix = 'logs/';

/** Kernels and the directions in their place, which alone are drawn at random. */
function isWeight(variable: VariableDefinition | undefined): boolean {
  return variable?.initial.kind === 'heNormal';
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
      ...trainingPassSpecifications(network, image, batchSize),
      ...populationSpecifications(image, populationSize),
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
