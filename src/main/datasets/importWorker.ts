import { parentPort, workerData } from 'node:worker_threads';
import { toLabErrorData } from '#shared/errors.ts';
import type { DatasetJob, DatasetJobMessage, InspectionJob } from './datasetJob.ts';
import { generateExampleDataset } from './exampleDataset.ts';
import { importDataset } from './importDataset.ts';
import { inspectDataset } from './inspectDataset.ts';
import type { ImportProgress } from './datasetService.ts';

/** Messages a second are enough for a progress bar. */
const progressIntervalMs = 100;

const post = (message: DatasetJobMessage): void => parentPort?.postMessage(message);

let reportedPhase = '';
let reportedAtMs = 0;
function report(progress: ImportProgress): void {
  const nowMs = performance.now();
  const due = nowMs - reportedAtMs >= progressIntervalMs;
  if (!due && progress.phase === reportedPhase && progress.done < progress.total) return;
  reportedPhase = progress.phase;
  reportedAtMs = nowMs;
  post({ type: 'progress', progress });
}

const job = workerData as DatasetJob | InspectionJob;
try {
  if (job.kind === 'inspect') post({ type: 'inspected', inspection: await inspectDataset(job) });
  else if (job.kind === 'import') post({ type: 'done', document: await importDataset(job, report) });
  else post({ type: 'done', document: await generateExampleDataset(job, report) });
} catch (error) {
  post({ type: 'failed', error: toLabErrorData(error) });
}
