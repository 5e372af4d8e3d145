import {
  argMax,
  cast,
  equal,
  keep,
  mean,
  sum,
  valueAndGrads,
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import type { Engine, Step, StepDefinition, TensorRecord, TensorSpecification } from './engines/engine.ts';
import type { Network } from './network.ts';
import { optimizerSlots, updateParameters } from './optimizer.ts';
import { addPrefix, requireTensor, selectByPrefix } from './tensors.ts';
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
export function stateSpecifications(network: Network): Record<string, TensorSpecification> {
  const { parameters, statistics } = network.variables;
  return {
    ...specifications(parameters, statePrefixes.parameters),
    ...Object.fromEntries(
      optimizerSlots.flatMap((slot) => Object.entries(specifications(parameters, `${statePrefixes.slots}${slot}/`))),
    ),
    ...specifications(statistics, statePrefixes.statistics),
  };
}

function batchSpecifications(image: ImageShape, size: number): Record<string, TensorSpecification> {
  return { images: { shape: [size, ...image], dtype: 'float32' }, labels: { shape: [size], dtype: 'int32' } };
}

/** Number of images whose largest logit is their label's, int32. */
function countCorrect(logits: Tensor2D, labels: Tensor1D): Scalar {
  return sum(cast(equal(cast(argMax(logits, 1), 'int32'), labels), 'int32'));
}

/** Mean cross-entropy of a batch and its gradient with respect to every parameter. */
export function lossAndGradients(
  network: Network,
  inputs: TensorRecord,
  operations: Parameters<StepDefinition['body']>[1],
): { loss: Scalar; logits: Tensor2D; statistics: TensorRecord; gradients: TensorRecord } {
  const parameters = selectByPrefix(inputs, statePrefixes.parameters);
  const statistics = selectByPrefix(inputs, statePrefixes.statistics);
  const names = Object.keys(parameters);
  let forward: ReturnType<Network['forwardTraining']> | undefined;
  const { value, grads } = valueAndGrads((...values: Tensor[]) => {
    forward = network.forwardTraining({
      images: requireTensor(inputs, 'images') as Tensor4D,
      parameters: Object.fromEntries(names.map((name, index) => [name, values[index] as Tensor])),
      statistics,
      operations,
    });
    // The gradient function frees what it does not return: these are wanted after it.
    keep(forward.logits);
    for (const statistic of Object.values(forward.statistics)) keep(statistic);
    return mean(operations.softmaxCrossEntropy(forward.logits, requireTensor(inputs, 'labels') as Tensor1D));
  })(names.map((name) => requireTensor(parameters, name)));
  if (!forward) throw new Error('the forward pass did not run');
  return {
    loss: value as Scalar,
    ...forward,
    gradients: Object.fromEntries(names.map((name, index) => [name, grads[index] as Tensor])),
  };
}

/**
 * One optimizer step: forward, backward, update and running statistics in one call.
 *
 * Inputs: the state (see `stateSpecifications`), `images` [M,H,W,C], `labels` [M], `learningRate`.
 * Results: the new state under the same names, `loss` and `correctCount` of the batch before the
 * update, and `logs/<series>`.
 */
export function createTrainingStep(
  engine: Engine,
  network: Network,
  image: ImageShape,
  batchSize: number,
  momentum: number,
  execution: StepExecution,
): Step {
  return engine.createStep({
    name: 'trainingStep',
    inputs: {
      ...stateSpecifications(network),
      ...batchSpecifications(image, batchSize),
      learningRate: { shape: [], dtype: 'float32' },
    },
    body(inputs, operations) {
      const { loss, logits, statistics, gradients } = lossAndGradients(network, inputs, operations);
      const parameters = selectByPrefix(inputs, statePrefixes.parameters);
      const correctCount = countCorrect(logits, requireTensor(inputs, 'labels') as Tensor1D);
      logits.dispose();
      const updated = updateParameters(
        { parameters, slots: selectByPrefix(inputs, statePrefixes.slots) },
        gradients,
        requireTensor(inputs, 'learningRate') as Scalar,
        momentum,
      );
      return {
        ...addPrefix(updated.parameters, statePrefixes.parameters),
        ...addPrefix(updated.slots, statePrefixes.slots),
        ...addPrefix(statistics, statePrefixes.statistics),
        loss,
        correctCount,
        ...addPrefix(network.logs(parameters), logPrefix),
      };
    },
    ...execution,
  });
}

/**
 * Loss and accuracy of `size` images with the statistics for evaluation. Inputs: parameters,
 * statistics, `images`, `labels`; results: `lossSum` and `correctCount` over the images.
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
    inputs: {
      ...specifications(network.variables.parameters, statePrefixes.parameters),
      ...specifications(network.variables.statistics, statePrefixes.statistics),
      ...batchSpecifications(image, size),
    },
    body(inputs, operations) {
      const labels = requireTensor(inputs, 'labels') as Tensor1D;
      const logits = network.forwardEvaluation({
        images: requireTensor(inputs, 'images') as Tensor4D,
        parameters: selectByPrefix(inputs, statePrefixes.parameters),
        statistics: selectByPrefix(inputs, statePrefixes.statistics),
        operations,
      });
      return {
        lossSum: sum(operations.softmaxCrossEntropy(logits, labels)),
        correctCount: countCorrect(logits, labels),
      };
    },
    ...execution,
  });
}
