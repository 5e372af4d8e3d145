import { tidy, type Tensor } from '@tensorflow/tfjs-core';
import type { Step, StepDefinition, StepOperations, TensorRecord } from '../engine.ts';
import { checkInputs, runStepBody } from '../stepBody.ts';
import type { OperationAttribute } from './attributes.ts';
import type { TensorIds } from './binding.ts';
import { encodeBfloat16Config } from './configProto.ts';
import type { EagerContext } from './context.ts';
import { attributeKinds } from './dataTypes.ts';
import type { GraphOutput } from './functions.ts';
import { GraphBinding } from './graphBinding.ts';
import type { TensorflowBackend } from './kernelBackend.ts';

/** What compiling needs of the engine. */
export interface Compiler {
  context: EagerContext;
  backend: TensorflowBackend;
  ids: TensorIds;
  device: 'cpu' | 'gpu';
}

/**
 * Runs the body once to record it as a function of TensorFlow, which then runs as a single
 * operation: no JavaScript between its operations, which TensorFlow fuses, folds and runs side by
 * side.
 *
 * @throws LabError `engineFailed` where the body cannot be recorded
 */
export function compileStep(compiler: Compiler, definition: StepDefinition, operations: StepOperations): Step {
  const { context, backend } = compiler;
  const { library, status } = context;
  const activity = `the compilation of the step “${definition.name}”`;
  const functionName = `${definition.name.replace(/[^A-Za-z0-9_]/g, '_')}_${compiler.ids.next()}`;
  const binding = new GraphBinding(definition.name, context, compiler.ids, compiler.device);
  let outputNames: readonly string[];
  try {
    const recorded = backend.trace(definition.name, binding, () =>
      recordBody(backend, binding, definition, operations),
    );
    outputNames = recorded.outputNames;
    const compiled = library.TF_GraphToFunction(
      binding.graph,
      functionName,
      0,
      -1,
      null,
      recorded.inputs.length,
      recorded.inputs,
      recorded.outputs.length,
      recorded.outputs,
      null,
      null,
      null,
      status.pointer,
    );
    status.check(activity);
    try {
      library.TFE_ContextAddFunction(context.pointer, compiled, status.pointer);
      status.check(activity);
    } finally {
      // The context has a copy of its own.
      library.TF_DeleteFunction(compiled);
    }
  } finally {
    binding.dispose();
  }

  const inputNames = Object.keys(definition.inputs);
  const attributes: OperationAttribute[] =
    definition.precision === 'bfloat16'
      ? [{ name: 'config_proto', type: attributeKinds.string, value: encodeBfloat16Config() }]
      : [];
  let isDisposed = false;
  return {
    run(inputs) {
      checkInputs(definition, inputs);
      const results = backend.executeMultipleOutputs(
        functionName,
        attributes,
        inputNames.map((name) => inputs[name] as Tensor),
        outputNames.length,
      );
      return Object.fromEntries(outputNames.map((name, index) => [name, results[index] as Tensor]));
    },
    dispose() {
      if (isDisposed) return;
      isDisposed = true;
      library.TFE_ContextRemoveFunction(context.pointer, functionName, status.pointer);
      status.check(`the removal of the step “${definition.name}”`);
    },
  };
}

interface RecordedBody {
  inputs: GraphOutput[];
  outputNames: string[];
  outputs: GraphOutput[];
}

function recordBody(
  backend: TensorflowBackend,
  binding: GraphBinding,
  definition: StepDefinition,
  operations: StepOperations,
): RecordedBody {
  const recorded: RecordedBody = { inputs: [], outputNames: [], outputs: [] };
  const outputsOf = (tensors: readonly Tensor[]): GraphOutput[] =>
    backend.getInputTensorIds(tensors).map((id) => binding.outputOf(id));
  tidy(() => {
    const placeholders: TensorRecord = Object.fromEntries(
      Object.entries(definition.inputs).map(([name, { shape, dtype }]) => [
        name,
        backend.executeSingleOutput(
          'Placeholder',
          [
            { name: 'dtype', type: attributeKinds.type, value: backend.getDTypeInteger(dtype) },
            { name: 'shape', type: attributeKinds.shape, value: shape },
          ],
          [],
        ),
      ]),
    );
    const results = runStepBody(definition, placeholders, operations);
    // An identity for each: a function's results may neither be its inputs nor repeat each other.
    const copies = Object.values(results).map((tensor) =>
      backend.executeSingleOutput(
        'Identity',
        [{ name: 'T', type: attributeKinds.type, value: backend.getDTypeInteger(tensor.dtype) }],
        [tensor],
      ),
    );
    recorded.inputs = outputsOf(Object.values(placeholders));
    recorded.outputNames = Object.keys(results);
    recorded.outputs = outputsOf(copies);
  });
  return recorded;
}
