import os from 'node:os';
// Registers the gradients: tfjs-core alone has none.
import '@tensorflow/tfjs';
import { memory, version_core } from '@tensorflow/tfjs-core';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { composedOperations } from '../composedOperations.ts';
import { createEagerStep } from '../eagerStep.ts';
import type { Engine } from '../engine.ts';
import { startTfjsSession } from '../tfjsSession.ts';
import { randomOperations } from './randomOperations.ts';
import { LabError } from '#shared/errors.ts';

/** The name under which tfjs registers its JavaScript kernels. */
const backendName = 'cpu';

/**
 * tfjs's kernels in plain JavaScript: no libraries, one thread, and some hundred times slower than
 * TensorFlow. For machines where nothing else runs.
 */
export function openJavascriptEngine(): Engine {
  const endSession = startTfjsSession(backendName, () => new MathBackendCPU());
  return {
    describe: () => ({
      kind: 'javascript',
      title: `tfjs ${version_core} in plain JavaScript (CPU, 1 thread; very slow)`,
      version: version_core,
      device: os.cpus()[0]?.model.trim() || os.arch(),
      deviceMemoryBytes: os.totalmem(),
      threads: 1,
      versions: { node: process.versions.node, tfjs: version_core },
      capabilities: { compiledSteps: false, fusedOperations: false, precisions: ['float32'] },
    }),
    memory: () => ({
      tensorCount: memory().numTensors,
      nativeHandleCount: 0,
      residentBytes: process.memoryUsage.rss(),
    }),
    createStep(definition) {
      if (definition.precision !== 'float32') {
        throw new LabError(
          'engineFailed',
          `The JavaScript engine does not compute in ${definition.precision}.`,
          'Choose the precision float32.',
        );
      }
      return createEagerStep(definition, { ...composedOperations, ...randomOperations });
    },
    dispose: endSession,
  };
}
