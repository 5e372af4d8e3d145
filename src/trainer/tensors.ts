import { scalar, type Tensor } from '@tensorflow/tfjs-core';
import type { TensorRecord } from './engines/engine.ts';

/** The member of that name; its absence is a mistake in the program. */
export function requireTensor(record: TensorRecord, name: string): Tensor {
  const tensor = record[name];
  if (!tensor) throw new Error(`there is no tensor “${name}”, only ${Object.keys(record).join(', ')}`);
  return tensor;
}

/** Members whose names start with a prefix, under their names without it. */
export function selectByPrefix<Value>(record: Record<string, Value>, prefix: string): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(record)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

/** The same members, each name with a prefix before it. */
export function addPrefix<Value>(record: Record<string, Value>, prefix: string): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]));
}

export function disposeAll(record: TensorRecord): void {
  for (const tensor of Object.values(record)) tensor.dispose();
}

/** Float32 scalars of these values, by the same names. */
export function toScalars(values: Record<string, number>): TensorRecord {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, scalar(value, 'float32')]));
}

/** A scalar's value. */
export function readScalar(record: TensorRecord, name: string): number {
  return Number(requireTensor(record, name).dataSync()[0]);
}
