import { add, mul, sub, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import type { TensorRecord } from './engines/engine.ts';
import { requireTensor } from './tensors.ts';

/** Names of the optimizer's memory: for each slot one tensor shaped like each parameter. */
export const optimizerSlots = ['momentum'] as const;

export interface OptimizerState {
  parameters: TensorRecord;
  /** Named `<slot>/<parameter>`. */
  slots: TensorRecord;
}

/**
 * Stochastic gradient descent with momentum: v ← m·v + g, w ← w − lr·v; v starts at 0.
 * Pure: returns new tensors.
 */
export function updateParameters(
  { parameters, slots }: OptimizerState,
  gradients: TensorRecord,
  learningRate: Scalar,
  momentum: number,
): OptimizerState {
  const updated: OptimizerState = { parameters: {}, slots: {} };
  for (const [name, parameter] of Object.entries(parameters)) {
    const slot = `momentum/${name}`;
    const velocity: Tensor = add(mul(requireTensor(slots, slot), momentum), requireTensor(gradients, name));
    updated.slots[slot] = velocity;
    updated.parameters[name] = sub(parameter, mul(velocity, learningRate));
  }
  return updated;
}
