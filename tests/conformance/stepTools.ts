import {
  dispose,
  tensor,
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { Engine, StepBody, StepDefinition, TensorRecord } from '#trainer/engines/engine.ts';

export type StepVariant = Pick<StepDefinition, 'mode' | 'operations'>;

/** Every way to run a step; an engine without a capability falls back to what it has. */
export const stepVariants: readonly StepVariant[] = [
  { mode: 'eager', operations: 'composed' },
  { mode: 'eager', operations: 'fused' },
  { mode: 'compiled', operations: 'composed' },
  { mode: 'compiled', operations: 'fused' },
];

export function variantTitle({ mode, operations }: StepVariant): string {
  return `${mode}, ${operations} operations`;
}

export interface InputValues {
  shape: number[];
  values: ArrayLike<number>;
  dtype?: 'float32' | 'int32' | 'bool';
}

export function specificationsOf(inputs: Record<string, InputValues>): StepDefinition['inputs'] {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype = 'float32' }]) => [name, { shape, dtype }]),
  );
}

export function toTensors(inputs: Record<string, InputValues>): TensorRecord {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, values, dtype = 'float32' }]) => [
      name,
      tensor(dtype === 'float32' ? Float32Array.from(values) : Int32Array.from(values), shape, dtype),
    ]),
  );
}

/** Makes a step, runs it once, frees everything; the results' values. */
export function runOnce(
  engine: Engine,
  variant: StepVariant & { precision?: StepDefinition['precision'] },
  inputs: Record<string, InputValues>,
  body: StepBody,
): Record<string, Float32Array> {
  const step = engine.createStep({
    name: 'conformance',
    inputs: specificationsOf(inputs),
    body,
    precision: 'float32',
    ...variant,
  });
  const tensors = toTensors(inputs);
  const results = step.run(tensors);
  const values = Object.fromEntries(
    Object.entries(results).map(([name, result]) => [name, result.dataSync() as Float32Array]),
  );
  dispose(results);
  dispose(tensors);
  step.dispose();
  return values;
}

/** The tensor of that name. */
export function input(inputs: TensorRecord, name: string): Tensor {
  const found = inputs[name];
  if (found === undefined) throw new Error(`no input ${name}`);
  return found;
}

export const scalarInput = (inputs: TensorRecord, name: string): Scalar => input(inputs, name) as Scalar;
export const vectorInput = (inputs: TensorRecord, name: string): Tensor1D => input(inputs, name) as Tensor1D;
export const matrixInput = (inputs: TensorRecord, name: string): Tensor2D => input(inputs, name) as Tensor2D;
export const imagesInput = (inputs: TensorRecord, name: string): Tensor4D => input(inputs, name) as Tensor4D;

/** max|a − b| ≤ tolerance · max(1, max|b|) */
export function expectClose(
  actual: ArrayLike<number> | undefined,
  expected: ArrayLike<number>,
  tolerance = 2e-5,
): void {
  expect(actual?.length).toBe(expected.length);
  const scale = Array.from(expected).reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  const difference = Array.from(expected).reduce(
    (largest, value, index) => Math.max(largest, Math.abs(value - Number(actual?.[index]))),
    0,
  );
  expect(difference / scale).toBeLessThanOrEqual(tolerance);
}
