import { LabError } from '#shared/errors.ts';
import { elementCountOf, elementTypeOf, toElementArray, type ElementArray, type ElementValues } from './dataTypes.ts';
import type { Pointer } from './functions.ts';
import type { TensorflowLibrary } from './library.ts';
import type { Status } from './status.ts';

/**
 * A `TF_Tensor` with a copy of the values. The caller frees it with `TF_DeleteTensor`.
 *
 * @throws LabError `engineFailed` if there is no memory, or fewer values than the shape has elements
 */
export function newTensor(
  library: TensorflowLibrary,
  shape: readonly number[],
  dataType: number,
  values: ElementValues,
): Pointer {
  const count = elementCountOf(shape);
  const bytes = count * elementTypeOf(dataType).bytes;
  const array = toElementArray(values, dataType);
  if (array.length < count) {
    throw new LabError(
      'engineFailed',
      `A tensor of shape [${shape.join(', ')}] was given ${array.length} values instead of ${count}.`,
      'This is a mistake in the program; report it.',
    );
  }
  const tensor = library.TF_AllocateTensor(dataType, toDimensions(shape), shape.length, bytes);
  if (!tensor) {
    throw new LabError(
      'engineFailed',
      `The engine ran out of memory for a tensor of shape [${shape.join(', ')}].`,
      'Reduce the batch size, or close other programs.',
    );
  }
  library.copyMemory(library.TF_TensorData(tensor), array, bytes);
  return tensor;
}

/** A handle of a tensor with a copy of the values. The caller frees it with `TFE_DeleteTensorHandle`. */
export function newTensorHandle(
  library: TensorflowLibrary,
  status: Status,
  shape: readonly number[],
  dataType: number,
  values: ElementValues,
): Pointer {
  const tensor = newTensor(library, shape, dataType, values);
  try {
    const handle = library.TFE_NewTensorHandle(tensor, status.pointer);
    status.check('the creation of a tensor');
    return handle;
  } finally {
    library.TF_DeleteTensor(tensor);
  }
}

/** A copy of a tensor's values, fetched from its device where it is on another. */
export function readTensorHandle(library: TensorflowLibrary, status: Status, handle: Pointer): ElementArray {
  const { bytes: elementBytes, allocate } = elementTypeOf(library.TFE_TensorHandleDataType(handle));
  const tensor = library.TFE_TensorHandleResolve(handle, status.pointer);
  status.check('the reading of a tensor');
  try {
    const bytes = Number(library.TF_TensorByteSize(tensor));
    const values = allocate(bytes / elementBytes);
    library.copyMemory(values, library.TF_TensorData(tensor), bytes);
    return values;
  } finally {
    library.TF_DeleteTensor(tensor);
  }
}

export function shapeOfHandle(library: TensorflowLibrary, status: Status, handle: Pointer): number[] {
  const rank = library.TFE_TensorHandleNumDims(handle, status.pointer);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis += 1) {
    shape.push(Number(library.TFE_TensorHandleDim(handle, axis, status.pointer)));
  }
  status.check('the reading of a shape');
  return shape;
}

/** A shape as C's `const int64_t *`. */
export function toDimensions(shape: readonly number[]): BigInt64Array {
  return BigInt64Array.from(shape, BigInt);
}
