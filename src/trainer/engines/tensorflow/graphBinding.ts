import { LabError } from '#shared/errors.ts';
import { graphAttributeWriter, type AttributeWriter, type OperationAttribute } from './attributes.ts';
import { KernelBinding, type TensorIds, type TensorMetadata } from './binding.ts';
import type { EagerContext } from './context.ts';
import { dataTypes, elementCountOf, toElementArray, type ElementArray, type ElementValues } from './dataTypes.ts';
import type { GraphOutput, Pointer } from './functions.ts';
import { readInputArguments, type InputArgument } from './operationDefinitions.ts';
import { newTensor } from './tensors.ts';

/** Elements of a constant beyond which one with equal values is recorded by its value. */
const largestStoredUniform = 1024;

/** Outputs that only the gradient's kernel understands: their shape is settled on the device. */
const opaqueOutputs: Readonly<Record<string, readonly number[]>> = { FusedBatchNormV3: [3, 4, 5] };

/**
 * Records operations as nodes of a graph instead of running them. Its tensors have shapes and
 * types but no values; they live as long as the graph.
 */
export class GraphBinding extends KernelBinding {
  readonly graph: Pointer;
  readonly #stepName: string;
  readonly #context: EagerContext;
  readonly #ids: TensorIds;
  readonly #usesGpu: boolean;
  readonly #outputs = new Map<number, GraphOutput>();
  readonly #inputArguments = new Map<string, InputArgument[]>();
  readonly #writeAttribute: AttributeWriter;
  #nodeCount = 0;

  constructor(stepName: string, context: EagerContext, ids: TensorIds, device: 'cpu' | 'gpu') {
    super();
    this.#stepName = stepName;
    this.#context = context;
    this.#ids = ids;
    this.#usesGpu = device === 'gpu';
    this.#writeAttribute = graphAttributeWriter(context.library);
    this.graph = context.library.TF_NewGraph();
  }

  override createTensor(shape: readonly number[], dataType: number, values: ElementValues): number {
    const array = toElementArray(values, dataType);
    if (elementCountOf(shape) > largestStoredUniform && isUniform(array)) {
      return this.#addFill(shape, dataType, array.subarray(0, 1));
    }
    return this.#addConstant(shape, dataType, array);
  }

  /** Gradients of sums are full of ones, as large as the activations: they need not be stored. */
  #addFill(shape: readonly number[], dataType: number, value: ElementArray): number {
    const dimensions = this.#addConstant([shape.length], dataTypes.int32, Int32Array.from(shape));
    const element = this.#addConstant([], dataType, value);
    const [metadata] = this.executeOp('Fill', [], [dimensions, element], 1);
    if (metadata === undefined) throw new Error('Fill has one output');
    return metadata.id;
  }

  #addConstant(shape: readonly number[], dataType: number, values: ElementArray): number {
    const { library, status } = this.#context;
    const tensor = newTensor(library, shape, dataType, values);
    try {
      const [metadata] = this.#addNode('Const', 1, (description) => {
        library.TF_SetAttrTensor(description, 'value', tensor, status.pointer);
        library.TF_SetAttrType(description, 'dtype', dataType);
      });
      if (metadata === undefined) throw new Error('a constant has one output');
      return metadata.id;
    } finally {
      library.TF_DeleteTensor(tensor);
    }
  }

  /** Does nothing: the tensors are the graph's. */
  override deleteTensor(): void {}

  override tensorDataSync(): ElementArray {
    throw new LabError(
      'engineFailed',
      `The step “${this.#stepName}” reads a value while it is being compiled.`,
      'A compiled step is recorded once, without values: return the tensor and read it after the step.',
    );
  }

  override executeOp(
    name: string,
    attributes: readonly OperationAttribute[],
    inputIds: readonly number[],
    outputCount: number,
  ): TensorMetadata[] {
    const inputs = inputIds.map((id) => this.outputOf(id));
    const lists = this.#groupInputs(name, attributes, inputs);
    const { library } = this.#context;
    return this.#addNode(name, outputCount, (description) => {
      for (const input of lists) {
        if (Array.isArray(input)) library.TF_AddInputList(description, input, input.length);
        else library.TF_AddInput(description, input);
      }
      for (const attribute of attributes) this.#writeAttribute(description, attribute);
    });
  }

  override isUsingGpuDevice(): boolean {
    return this.#usesGpu;
  }

  /** @throws LabError `engineFailed` for a tensor that is not of this graph */
  outputOf(id: number): GraphOutput {
    const output = this.#outputs.get(id);
    if (output !== undefined) return output;
    throw foreignTensorError(this.#stepName);
  }

  dispose(): void {
    this.#outputs.clear();
    this.#context.library.TF_DeleteGraph(this.graph);
  }

  #addNode(type: string, outputCount: number, describe: (description: Pointer) => void): TensorMetadata[] {
    const { library, status } = this.#context;
    const activity = `${type} of the step “${this.#stepName}”`;
    const description = library.TF_NewOperation(this.graph, type, `${type}_${this.#nodeCount}`);
    this.#nodeCount += 1;
    let operation: Pointer;
    try {
      describe(description);
    } finally {
      // Finishing also frees the description, so it must happen after a failure too.
      operation = library.TF_FinishOperation(description, status.pointer);
    }
    status.check(activity);
    return Array.from({ length: outputCount }, (_, index) => {
      const output = { oper: operation, index };
      const id = this.#ids.next();
      this.#outputs.set(id, output);
      const isOpaque = opaqueOutputs[type]?.includes(index) ?? false;
      const shape = isOpaque ? [0] : this.#shapeOf(output, activity);
      return { id, shape, dtype: library.TF_OperationOutputType(output) };
    });
  }

  #shapeOf(output: GraphOutput, activity: string): number[] {
    const { library, status } = this.#context;
    const rank = library.TF_GraphGetTensorNumDims(this.graph, output, status.pointer);
    status.check(activity);
    const shape = new BigInt64Array(Math.max(rank, 0));
    if (rank > 0) {
      library.TF_GraphGetTensorShape(this.graph, output, shape, rank, status.pointer);
      status.check(activity);
    }
    if (rank < 0 || shape.some((size) => size < 0n)) {
      throw new LabError(
        'engineFailed',
        `The shape of the result of ${activity} depends on values.`,
        'A compiled step needs every shape beforehand; run this step eagerly.',
      );
    }
    return Array.from(shape, Number);
  }

  /** The inputs by argument of the operation: single ones as they are, lists as arrays. */
  #groupInputs(
    type: string,
    attributes: readonly OperationAttribute[],
    inputs: readonly GraphOutput[],
  ): (GraphOutput | GraphOutput[])[] {
    const { library, status } = this.#context;
    let inputArguments = this.#inputArguments.get(type);
    if (inputArguments === undefined) {
      inputArguments = readInputArguments(library, status, this.graph, type);
      this.#inputArguments.set(type, inputArguments);
    }
    if (!inputArguments.some((argument) => argument.isList)) return [...inputs];
    // A length that no attribute states is what the other arguments leave over.
    const singleCount = inputArguments.filter((argument) => !argument.isList).length;
    let next = 0;
    return inputArguments.map((argument) => {
      const stated = attributes.find((attribute) => attribute.name === argument.lengthAttribute)?.value;
      const length = !argument.isList ? 1 : typeof stated === 'number' ? stated : inputs.length - singleCount;
      const members = inputs.slice(next, next + length);
      next += length;
      const [only] = members;
      return argument.isList || only === undefined ? members : only;
    });
  }
}

function isUniform(values: ElementArray): boolean {
  const first = values[0];
  return values.every((value: number | bigint) => value === first);
}

/** A step's body used a tensor from outside, which compiling would freeze. */
export function foreignTensorError(stepName: string): LabError {
  return new LabError(
    'engineFailed',
    `The step “${stepName}” uses a tensor that is neither among its inputs nor made by it.`,
    'Pass it to the step as an input.',
  );
}
