import {
  enableProdMode,
  engine,
  registerBackend,
  removeBackend,
  setBackend,
  type KernelBackend,
} from '@tensorflow/tfjs-core';
import { LabError } from '#shared/errors.ts';

let current: string | null = null;

/**
 * Gives tfjs, of which there is one in a process, a backend. Ends with the returned function, which
 * forgets every tensor.
 *
 * @throws LabError `invalidState` while another engine is open in this process
 */
export function startTfjsSession(backendName: string, createBackend: () => KernelBackend): () => void {
  if (current !== null) {
    throw new LabError(
      'invalidState',
      `The engine “${current}” is still open in this process.`,
      'Dispose of it first; a process has one engine at a time.',
    );
  }
  // No hints and warnings of tfjs on the console, which belongs to the protocol and the log.
  enableProdMode();
  const backend = createBackend();
  // Packages of tfjs register a backend of their own when they are loaded.
  if (backendName in engine().registryFactory) removeBackend(backendName);
  registerBackend(backendName, () => backend);
  void setBackend(backendName);
  current = backendName;
  return () => {
    current = null;
    engine().reset();
    removeBackend(backendName);
  };
}
