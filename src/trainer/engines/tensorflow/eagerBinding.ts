import { LabError } from '#shared/errors.ts';
import { eagerAttributeWriter, type AttributeWriter, type OperationAttribute } from './attributes.ts';
import { KernelBinding, type TensorIds, type TensorMetadata } from './binding.ts';
import type { EagerContext } from './context.ts';
import type { ElementArray, ElementValues } from './dataTypes.ts';
import type { Pointer } from './functions.ts';
import { newTensorHandle, readTensorHandle, shapeOfHandle } from './tensors.ts';

/** Runs every operation at once. Owns the handles of all tensors it made. */
export class EagerBinding extends KernelBinding {
  readonly #context: EagerContext;
  readonly #ids: TensorIds;
  readonly #usesGpu: boolean;
  readonly #handles = new Map<number, Pointer>();
  readonly #writeAttribute: AttributeWriter;

  constructor(context: EagerContext, ids: TensorIds, device: 'cpu' | 'gpu') {
    super();
    this.#context = context;
    this.#ids = ids;
    this.#usesGpu = device === 'gpu';
    this.#writeAttribute = eagerAttributeWriter(context.library, context.status);
  }

  /** Tensors that TensorFlow keeps for this engine. */
  get handleCount(): number {
    return this.#handles.size;
  }

  override createTensor(shape: readonly number[], dataType: number, values: ElementValues): number {
    return this.#keep(newTensorHandle(this.#context.library, this.#context.status, shape, dataType, values));
  }

  override deleteTensor(id: number): void {
    const handle = this.#handles.get(id);
    if (handle === undefined) return;
    this.#handles.delete(id);
    this.#context.library.TFE_DeleteTensorHandle(handle);
  }

  override tensorDataSync(id: number): ElementArray {
    return readTensorHandle(this.#context.library, this.#context.status, this.#handleOf(id));
  }

  /** Also runs compiled steps: a function of the context is an operation of its name. */
  override executeOp(
    name: string,
    attributes: readonly OperationAttribute[],
    inputIds: readonly number[],
    outputCount: number,
  ): TensorMetadata[] {
    const { library, status } = this.#context;
    const operation = library.TFE_NewOp(this.#context.pointer, name, status.pointer);
    status.check(name);
    const handles = new BigUint64Array(outputCount);
    const count = Int32Array.of(outputCount);
    try {
      for (const id of inputIds) {
        library.TFE_OpAddInput(operation, this.#handleOf(id), status.pointer);
        status.check(name);
      }
      for (const attribute of attributes) this.#writeAttribute(operation, attribute);
      library.TFE_Execute(operation, handles, count, status.pointer);
      status.check(name);
    } finally {
      library.TFE_DeleteOp(operation);
    }
    return Array.from(handles.subarray(0, count[0]), (handle) => ({
      id: this.#keep(handle),
      shape: shapeOfHandle(library, status, handle),
      dtype: library.TFE_TensorHandleDataType(handle),
    }));
  }

  override isUsingGpuDevice(): boolean {
    return this.#usesGpu;
  }

  /** Frees every tensor. */
  dispose(): void {
    for (const handle of this.#handles.values()) this.#context.library.TFE_DeleteTensorHandle(handle);
    this.#handles.clear();
  }

  #keep(handle: Pointer): number {
    const id = this.#ids.next();
    this.#handles.set(id, handle);
    return id;
  }

  #handleOf(id: number): Pointer {
    const handle = this.#handles.get(id);
    if (handle !== undefined) return handle;
    throw new LabError(
      'engineFailed',
      'A tensor was used that the engine does not have (any more).',
      'This is a mistake in the program; report it.',
    );
  }
}
