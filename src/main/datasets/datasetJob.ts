import { Worker } from 'node:worker_threads';
import type { DatasetInspection } from '#shared/contract.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { LabError, type LabErrorData } from '#shared/errors.ts';
import { importWorkerUrl } from '../applicationPaths.ts';
import type { ImportProgress } from './datasetService.ts';
import type { ImportJob } from './importDataset.ts';

/** Work for the worker thread. */
export type DatasetJob =
  ({ kind: 'import' } & ImportJob) | { kind: 'example'; workDirectory: string; freeBytes: number };

/** Looks at what an import would read. */
export type InspectionJob = { kind: 'inspect' } & Omit<ImportJob, 'name'>;

export type DatasetJobMessage =
  | { type: 'progress'; progress: ImportProgress }
  | { type: 'done'; document: DatasetDocument }
  | { type: 'inspected'; inspection: DatasetInspection }
  | { type: 'failed'; error: LabErrorData };

/**
 * Runs a job in a worker thread, so that this process stays responsive. On abort the thread is stopped;
 * the promise settles only after it has ended, so that its folder can be removed.
 * @throws LabError of the job, or `cancelled`.
 */
export async function runDatasetJob(
  job: DatasetJob,
  onProgress: (progress: ImportProgress) => void,
  signal?: AbortSignal,
): Promise<DatasetDocument> {
  const outcome = await runWorker(job, onProgress, signal);
  if (outcome.type === 'done') return outcome.document;
  throw new Error('the import thread did another job');
}

/** As `runDatasetJob`, for a look at the data. */
export async function runInspection(job: InspectionJob, signal?: AbortSignal): Promise<DatasetInspection> {
  const outcome = await runWorker(job, () => undefined, signal);
  if (outcome.type === 'inspected') return outcome.inspection;
  throw new Error('the import thread did another job');
}

async function runWorker(
  job: DatasetJob | InspectionJob,
  onProgress: (progress: ImportProgress) => void,
  signal?: AbortSignal,
): Promise<Extract<DatasetJobMessage, { type: 'done' | 'inspected' }>> {
  const cancelled = (): LabError =>
    new LabError('cancelled', 'The import was cancelled.', 'Nothing was added to the lab; start it again at any time.');
  if (signal?.aborted) throw cancelled();
  const worker = new Worker(importWorkerUrl, { workerData: job });
  const stop = (): void => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise<Extract<DatasetJobMessage, { type: 'done' | 'inspected' }>>((resolve, reject) => {
      let outcome: DatasetJobMessage | null = null;
      worker.on('message', (message: DatasetJobMessage) => {
        if (message.type === 'progress') {
          if (!signal?.aborted) onProgress(message.progress);
        } else {
          outcome = message;
        }
      });
      worker.on('error', reject);
      worker.on('exit', (exitCode) => {
        if (signal?.aborted) reject(cancelled());
        else if (outcome?.type === 'done' || outcome?.type === 'inspected') resolve(outcome);
        else if (outcome?.type === 'failed') reject(LabError.from(outcome.error));
        else reject(new Error(`the import thread ended with ${exitCode} and without a result`));
      });
    });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
