import {
  add,
  argMax,
  cast,
  equal,
  keep,
  mean,
  mul,
  reshape,
  type Scalar,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tidy,
  valueAndGrads,
} from '@tensorflow/tfjs-core';
import type { StepDefinition, StepOperations, TensorRecord } from '../engines/engine.ts';
import { takePopulationStatistics } from '../fisherInformation.ts';
import type { Network } from '../network.ts';
import { requireTensor } from '../tensors.ts';
import { networkInputs } from './inputs.ts';

/** Loss of each sample, [M]: cross-entropy, or ½(y − ŷ)² of outputs [M,1]. */
export function sampleLosses(
  { loss }: Network,
  outputs: Tensor2D,
  labels: Tensor1D,
  operations: StepOperations,
): Tensor1D {
  if (loss === 'crossEntropy') return operations.softmaxCrossEntropy(outputs, labels);
  return mul(square(sub(reshape(outputs, [-1]), labels)), 0.5);
}

/** `correctCount` where there are classes. */
export function correctCount({ loss }: Network, logits: Tensor2D, labels: Tensor1D): TensorRecord {
  return loss === 'crossEntropy' ? { correctCount: countCorrect(logits, labels) } : {};
}

/** Number of images whose largest logit is their label's, int32. */
function countCorrect(logits: Tensor2D, labels: Tensor1D): Scalar {
  return sum(cast(equal(cast(argMax(logits, 1), 'int32'), labels), 'int32'));
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
