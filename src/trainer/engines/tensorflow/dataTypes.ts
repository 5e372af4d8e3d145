import { LabError } from '#shared/errors.ts';

/** TensorFlow's numbers for the element types that can occur here (`TF_DataType`). */
export const dataTypes = {
  float32: 1,
  int32: 3,
  uint8: 4,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  resource: 20,
} as const;

/** TensorFlow's numbers for the kinds of attributes (`TF_AttrType`). */
export const attributeKinds = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/** Element values as tfjs hands them over. */
export type ElementValues =
  Float32Array | Int32Array | Uint8Array | BigInt64Array | readonly number[] | readonly bigint[];

/** Element values as they are given back. */
export type ElementArray = Float32Array | Int32Array | Uint8Array | BigInt64Array;

interface ElementType {
  bytes: number;
  allocate: (length: number) => ElementArray;
}

const elementTypes: Readonly<Record<number, ElementType>> = {
  [dataTypes.float32]: { bytes: 4, allocate: (length) => new Float32Array(length) },
  [dataTypes.int32]: { bytes: 4, allocate: (length) => new Int32Array(length) },
  [dataTypes.uint8]: { bytes: 1, allocate: (length) => new Uint8Array(length) },
  [dataTypes.int64]: { bytes: 8, allocate: (length) => new BigInt64Array(length) },
  [dataTypes.bool]: { bytes: 1, allocate: (length) => new Uint8Array(length) },
};

/** @throws LabError `engineFailed` for types whose elements have no fixed size or no array here. */
export function elementTypeOf(dataType: number): ElementType {
  const elementType = elementTypes[dataType];
  if (elementType === undefined) {
    throw new LabError(
      'engineFailed',
      `TensorFlow's data type ${dataType} is not supported.`,
      'Use float32, int32 or bool tensors.',
    );
  }
  return elementType;
}

export function elementCountOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The values as an array of exactly the element type of `dataType`; copied only where it must be. */
export function toElementArray(values: ElementValues, dataType: number): ElementArray {
  const array = elementTypeOf(dataType).allocate(0);
  if (array instanceof BigInt64Array) {
    return values instanceof BigInt64Array ? values : BigInt64Array.from(Array.from(values, BigInt));
  }
  if (array instanceof Float32Array) {
    return values instanceof Float32Array ? values : Float32Array.from(values, Number);
  }
  if (array instanceof Int32Array) return values instanceof Int32Array ? values : Int32Array.from(values, Number);
  return values instanceof Uint8Array ? values : Uint8Array.from(values, Number);
}
