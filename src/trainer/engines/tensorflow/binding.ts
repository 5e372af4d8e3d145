import type { OperationAttribute } from './attributes.ts';
import { attributeKinds, dataTypes, type ElementArray, type ElementValues } from './dataTypes.ts';

/** What a kernel learns of a tensor that an operation made. */
export interface TensorMetadata {
  id: number;
  shape: number[];
  /** One of `dataTypes`. */
  dtype: number;
}

/**
 * What tfjs's kernels for TensorFlow need of the library beneath them, with the constants under
 * the names by which they ask. The eager binding runs each operation at once; the graph binding
 * records it.
 */
export abstract class KernelBinding {
  readonly TF_FLOAT = dataTypes.float32;
  readonly TF_INT32 = dataTypes.int32;
  readonly TF_UINT8 = dataTypes.uint8;
  readonly TF_STRING = dataTypes.string;
  readonly TF_COMPLEX64 = dataTypes.complex64;
  readonly TF_INT64 = dataTypes.int64;
  readonly TF_BOOL = dataTypes.bool;
  readonly TF_RESOURCE = dataTypes.resource;
  readonly TF_ATTR_STRING = attributeKinds.string;
  readonly TF_ATTR_INT = attributeKinds.int;
  readonly TF_ATTR_FLOAT = attributeKinds.float;
  readonly TF_ATTR_BOOL = attributeKinds.bool;
  readonly TF_ATTR_TYPE = attributeKinds.type;
  readonly TF_ATTR_SHAPE = attributeKinds.shape;

  /** A tensor with a copy of the values; its number. */
  abstract createTensor(shape: readonly number[], dataType: number, values: ElementValues): number;
  /** Does nothing for a number that is not there. */
  abstract deleteTensor(id: number): void;
  /** A copy of the values. */
  abstract tensorDataSync(id: number): ElementArray;
  abstract executeOp(
    name: string,
    attributes: readonly OperationAttribute[],
    inputIds: readonly number[],
    outputCount: number,
  ): TensorMetadata[];
  abstract isUsingGpuDevice(): boolean;
}

/** Numbers for the tensors of all bindings of an engine; none is given twice. */
export class TensorIds {
  #last = 0;

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}
