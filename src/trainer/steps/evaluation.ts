import { add, mul, sub, sum, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import type { Engine, Step, TensorRecord } from '../engines/engine.ts';
import type { Network, PassHooks } from '../network.ts';
import { requireTensor } from '../tensors.ts';
import {
  batchSpecifications,
  imagesSpecification,
  networkInputs,
  type StepExecution,
  type StepInputs,
  variableSpecifications,
} from './inputs.ts';
import { correctCount, sampleLosses } from './losses.ts';

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
    inputs: { ...variableSpecifications(network), ...imagesSpecification(image, size) },
    body: (inputs, operations) => ({ logits: network.forwardEvaluation(networkInputs(inputs, operations)) }),
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
