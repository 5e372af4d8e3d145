import { Worker } from 'node:worker_threads';
import { LabError, type LabErrorData } from '#shared/errors.ts';
import { databaseWorkerUrl } from '../applicationPaths.ts';
import type { DatabaseTasks } from './databaseTasks.ts';

export interface DatabaseWork {
  kind: keyof DatabaseTasks;
  input: unknown;
  /** Named where it cannot be read or written. */
  file: string;
}

export type DatabaseMessage =
  { progress: [done: number, total: number] } | { ok: true; value: unknown } | { ok: false; error: LabErrorData };

/**
 * Does work on a database in a thread, so that this process stays responsive.
 * @param file Named in the error where it cannot be read or written.
 * @throws LabError of the work; the signal's reason, when the thread has ended.
 */
export async function runDatabaseTask<Kind extends keyof DatabaseTasks>(
  kind: Kind,
  input: Parameters<DatabaseTasks[Kind]>[0],
  file: string,
  signal?: AbortSignal,
  onProgress?: (done: number, total: number) => void,
): Promise<Awaited<ReturnType<DatabaseTasks[Kind]>>> {
  signal?.throwIfAborted();
  const work: DatabaseWork = { kind, input, file };
  const worker = new Worker(databaseWorkerUrl, { workerData: work });
  const stop = (): void => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise<Awaited<ReturnType<DatabaseTasks[Kind]>>>((resolve, reject) => {
      let outcome: Exclude<DatabaseMessage, { progress: unknown }> | null = null;
      worker.on('message', (message: DatabaseMessage) => {
        if (!('progress' in message)) outcome = message;
        else if (!signal?.aborted) onProgress?.(...message.progress);
      });
      worker.on('error', reject);
      worker.on('exit', (exitCode) => {
        if (signal?.aborted) reject(signal.reason as Error);
        else if (outcome?.ok === true) resolve(outcome.value as Awaited<ReturnType<DatabaseTasks[Kind]>>);
        else if (outcome?.ok === false) reject(LabError.from(outcome.error));
        else reject(new Error(`the database's thread ended with ${exitCode} and without a result`));
      });
    });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
