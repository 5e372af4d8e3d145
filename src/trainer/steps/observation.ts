import { mean, type Tensor } from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import type { Engine, Step, TensorRecord } from '../engines/engine.ts';
import { batchAxes } from '../methods/statistics.ts';
import type { Network } from '../network.ts';
import { randomSeedSpecification } from '../randomSource.ts';
import { imagesSpecification, networkInputs, type StepExecution, variableSpecifications } from './inputs.ts';

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
      ...imagesSpecification(image, size),
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
    inputs: { ...variableSpecifications(network), ...imagesSpecification(image, size) },
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
    inputs: { ...variableSpecifications(network), ...imagesSpecification(image, size) },
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
