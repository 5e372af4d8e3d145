import { tensor } from '@tensorflow/tfjs-core';
import type { TensorData } from '#files/safetensors.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { TensorRecord } from './engines/engine.ts';
import type { VariableDefinition } from './methods/method.ts';
import type { Network } from './network.ts';
import type { Optimizer } from './optimizer.ts';
import { statePrefixes, stateSpecifications } from './steps/inputs.ts';

/** Values of everything that training changes, by the names of `stateSpecifications`. */
export type StateValues = Record<string, TensorData>;

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * A variable's value before the first step. What is random is a layer's kernel, or the direction that
 * stands for it: the stream `initial/<layer>/kernel` of the seed draws it, so that runs with the same
 * seed share it, whatever their method.
 */
function initialValues(name: string, { shape, initial }: VariableDefinition, seed: number): Float32Array {
  if (initial.kind === 'constant') return new Float32Array(sizeOf(shape)).fill(initial.value);
  const layer = name.slice(0, name.lastIndexOf('/'));
  return createRandomStream(seed, `initial/${layer}/kernel`).normals(sizeOf(shape), Math.sqrt(2 / initial.fanIn));
}

/** The state before the first step; optimizer slots are 0. */
export function createInitialState(network: Network, seed: number, optimizer: Optimizer): StateValues {
  const values: StateValues = {};
  for (const [name, { shape }] of Object.entries(stateSpecifications(network, optimizer))) {
    values[name] = { shape, values: new Float32Array(sizeOf(shape)) };
  }
  for (const kind of ['parameters', 'statistics'] as const) {
    for (const [name, variable] of Object.entries(network.variables[kind])) {
      values[statePrefixes[kind] + name] = {
        shape: variable.shape,
        values: initialValues(name, variable, seed),
      };
    }
  }
  return values;
}

/** Number of trained values. */
export function countParameters(network: Network): number {
  return Object.values(network.variables.parameters).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

export function uploadState(values: StateValues): TensorRecord {
  return Object.fromEntries(
    Object.entries(values).map(([name, data]) => [name, tensor(data.values, [...data.shape], 'float32')]),
  );
}

export function readState(state: TensorRecord): StateValues {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, { shape: value.shape, values: value.dataSync<'float32'>() }]),
  );
}

/** Name of the first tensor with a value that is not finite; null where all are. */
export function findNonFinite(values: StateValues): string | null {
  for (const [name, data] of Object.entries(values)) {
    for (const value of data.values) if (!Number.isFinite(value)) return name;
  }
  return null;
}

/** The state among a training step's results; frees the state before it and all other results. */
export function advanceState(state: TensorRecord, results: TensorRecord): TensorRecord {
  const next: TensorRecord = {};
  for (const [name, result] of Object.entries(results)) {
    if (name in state) next[name] = result;
    else result.dispose();
  }
  for (const tensor of Object.values(state)) tensor.dispose();
  return next;
}
