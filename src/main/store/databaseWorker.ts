import { parentPort, workerData } from 'node:worker_threads';
import { toLabErrorData } from '#shared/errors.ts';
import { databaseTasks } from './databaseTasks.ts';
import type { DatabaseMessage, DatabaseWork } from './databaseThread.ts';
import { toStoreError } from './storeErrors.ts';

const post = (message: DatabaseMessage): void => parentPort?.postMessage(message);

const { kind, input, file } = workerData as DatabaseWork;
try {
  // The kind fixes the type of the input.
  const run = databaseTasks[kind] as (input: unknown, report: (done: number, total: number) => void) => unknown;
  post({ ok: true, value: await run(input, (done, total) => post({ progress: [done, total] })) });
} catch (error) {
  post({ ok: false, error: toLabErrorData(toStoreError(error, file)) });
}
