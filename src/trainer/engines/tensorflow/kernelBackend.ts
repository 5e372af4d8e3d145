import { createRequire } from 'node:module';
import util from 'node:util';
import type { DataType, KernelBackend, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import type { OperationAttribute } from './attributes.ts';
import type { KernelBinding, TensorMetadata } from './binding.ts';
import { foreignTensorError, type GraphBinding } from './graphBinding.ts';

/** The members of `NodeJSKernelBackend` that are used here, whatever its declarations call private. */
interface NodeKernelBackend extends KernelBackend {
  binding: KernelBinding;
  tensorMap: { get(dataId: object): { values: unknown } };
  createOutputTensor(metadata: TensorMetadata): Tensor;
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  getDTypeInteger(dtype: DataType): number;
  executeSingleOutput(name: string, attributes: OperationAttribute[], inputs: readonly TensorInfo[]): Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: OperationAttribute[],
    inputs: readonly TensorInfo[],
    outputCount: number,
  ): Tensor[];
}

type NodeKernelBackendClass = new (binding: KernelBinding, packageName: string) => NodeKernelBackend;

export interface TensorflowBackend extends NodeKernelBackend {
  /** Runs `record` with every operation becoming a node of a graph. */
  trace<T>(stepName: string, binding: GraphBinding, record: () => T): T;
}

/**
 * tfjs's kernels for TensorFlow over a binding of ours. Of the package `@tensorflow/tfjs-node-gpu`
 * only these two modules may be loaded: its index wants the addon that it compiles or downloads.
 */
export function createTensorflowBackend(eager: KernelBinding): TensorflowBackend {
  restoreUtilities();
  const require = createRequire(import.meta.url);
  const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend') as {
    NodeJSKernelBackend: NodeKernelBackendClass;
  };
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels');

  class Backend extends NodeJSKernelBackend implements TensorflowBackend {
    /** The step that is being recorded, and the tensors of values written by its body. */
    #tracing: { stepName: string; written: WeakSet<object> } | null = null;

    trace<T>(stepName: string, binding: GraphBinding, record: () => T): T {
      this.#tracing = { stepName, written: new WeakSet() };
      this.binding = binding;
      try {
        return record();
      } finally {
        this.binding = eager;
        this.#tracing = null;
      }
    }

    override move(...[dataId, ...rest]: Parameters<KernelBackend['move']>): void {
      super.move(dataId, ...rest);
      this.#tracing?.written.add(dataId);
    }

    /** The class hands values over to the binding when they are first used; see that it is the right one. */
    override getInputTensorIds(tensors: readonly TensorInfo[]): number[] {
      const tracing = this.#tracing;
      if (tracing !== null) {
        for (const { dataId } of tensors) {
          const isPending = this.tensorMap.get(dataId).values != null;
          if (isPending && !tracing.written.has(dataId)) throw foreignTensorError(tracing.stepName);
        }
      }
      return super.getInputTensorIds(tensors);
    }
  }
  return new Backend(eager, '@tensorflow/tfjs-node-gpu');
}

/** The package calls functions of Node's that Node 23 removed or warns of. */
function restoreUtilities(): void {
  const utilities = util as unknown as Record<string, unknown>;
  utilities['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  utilities['isArray'] = Array.isArray;
}
