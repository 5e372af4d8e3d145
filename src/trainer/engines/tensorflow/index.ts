import os from 'node:os';
import koffi from 'koffi';
import { memory, version_core } from '@tensorflow/tfjs-core';
import type { EngineDescription } from '#shared/protocol.ts';
import { LabError } from '#shared/errors.ts';
import { composedOperations } from '../composedOperations.ts';
import { createEagerStep } from '../eagerStep.ts';
import type { Engine, Step, StepDefinition, StepOperations } from '../engine.ts';
import { startTfjsSession } from '../tfjsSession.ts';
import { TensorIds } from './binding.ts';
import { keepArithmeticInFloat32, supportsBfloat16 } from './bfloat16.ts';
import { compileStep, type Compiler } from './compiledStep.ts';
import type { SessionConfig } from './configProto.ts';
import { EagerContext } from './context.ts';
import { describeDevice } from './devices.ts';
import { EagerBinding } from './eagerBinding.ts';
import { createFusedOperations } from './fusedOperations.ts';
import { createTensorflowBackend } from './kernelBackend.ts';
import { loadTensorflowLibrary } from './library.ts';
import { createRandomOperations } from './randomOperations.ts';

export interface TensorflowEngineOptions extends SessionConfig {
  /** Folder that holds the framework library and the library with the C API. */
  libraryDirectory: string;
}

/** The name under which tfjs's kernels for TensorFlow are registered. */
const backendName = 'tensorflow';

/**
 * TensorFlow through its C API.
 *
 * @throws LabError `engineMissing` without libraries or, for `gpu`, without a CUDA device;
 * `engineFailed` where they do not work
 */
export function openTensorflowEngine({ libraryDirectory, device, threads }: TensorflowEngineOptions): Engine {
  const library = loadTensorflowLibrary(libraryDirectory);
  keepArithmeticInFloat32();
  const context = new EagerContext(library, { device, threads });
  const ids = new TensorIds();
  const binding = new EagerBinding(context, ids, device);
  let compiler: Compiler;
  let endSession: () => void;
  try {
    if (device === 'gpu') context.requireGpu();
    const backend = createTensorflowBackend(binding);
    compiler = { context, backend, ids, device };
    endSession = startTfjsSession(backendName, () => backend);
  } catch (error) {
    context.dispose();
    throw error;
  }
  const random = createRandomOperations(compiler.backend);
  const operationsOf: Readonly<Record<StepDefinition['operations'], StepOperations>> = {
    fused: { ...createFusedOperations(compiler.backend), ...random },
    composed: { ...composedOperations, ...random },
  };
  const steps = new Set<Step>();
  let isBfloat16Supported: boolean | undefined;

  /** Found out when it is first asked for, since it takes a moment. */
  const checkBfloat16 = (): boolean => (isBfloat16Supported ??= supportsBfloat16(compiler, operationsOf.composed));

  const createStep = (definition: StepDefinition): Step => {
    const operations = operationsOf[definition.operations];
    if (definition.precision === 'bfloat16' && (definition.mode === 'eager' || !checkBfloat16())) {
      throw new LabError(
        'engineFailed',
        definition.mode === 'eager'
          ? 'Steps in bfloat16 exist only compiled.'
          : 'This processor, or this build of TensorFlow, does not compute in bfloat16.',
        'Choose the precision float32.',
      );
    }
    if (definition.mode === 'eager') return createEagerStep(definition, operations);
    const compiled = compileStep(compiler, definition, operations);
    const step: Step = {
      run: (inputs) => compiled.run(inputs),
      dispose() {
        steps.delete(step);
        compiled.dispose();
      },
    };
    steps.add(step);
    return step;
  };

  return {
    describe(): EngineDescription {
      const description = describeDevice(context, device);
      const effectiveThreads = threads ?? os.availableParallelism();
      const version = library.TF_Version();
      return {
        kind: 'tensorflow',
        title:
          device === 'gpu'
            ? `TensorFlow ${version} (${description.name})`
            : `TensorFlow ${version} (CPU, ${effectiveThreads} ${effectiveThreads === 1 ? 'thread' : 'threads'})`,
        version,
        device: description.name,
        deviceMemoryBytes: description.memoryBytes,
        threads: effectiveThreads,
        versions: { node: process.versions.node, tensorflow: version, tfjs: version_core, koffi: koffi.version },
        capabilities: {
          compiledSteps: true,
          fusedOperations: true,
          precisions: checkBfloat16() ? ['float32', 'bfloat16'] : ['float32'],
        },
      };
    },
    memory: () => ({
      tensorCount: memory().numTensors,
      nativeHandleCount: binding.handleCount,
      residentBytes: process.memoryUsage.rss(),
    }),
    createStep,
    dispose() {
      for (const step of steps) step.dispose();
      endSession();
      binding.dispose();
      context.dispose();
    },
  };
}
