import { square, type Tensor1D } from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import type { Engine, Step } from '../engines/engine.ts';
import { channelSum } from '../methods/statistics.ts';
import type { Network } from '../network.ts';
import { addPrefix, requireTensor } from '../tensors.ts';
import {
  trainingPassSpecifications,
  networkInputs,
  populationSpecifications,
  statePrefixes,
  type StepExecution,
} from './inputs.ts';
import { lossAndGradients, sampleLosses } from './losses.ts';

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
      ...trainingPassSpecifications(network, image, batchSize),
      ...populationSpecifications(image, populationSize),
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
      ...trainingPassSpecifications(network, image, batchSize),
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
      ...trainingPassSpecifications(network, image, batchSize),
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
