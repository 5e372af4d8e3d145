import type { JobRecord } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import { onInterrupts } from './interrupts.ts';
import type { LabSession } from './session.ts';

export interface FollowJobOptions {
  onProgress: (job: JobRecord) => void;
  /** What is said where the job was cancelled; Ctrl+C cancels it then. */
  cancelled?: LabError;
}

/**
 * Starts a job and waits until it is over.
 * @returns Id of what it made.
 * @throws LabError as the job did.
 */
export async function followJob(
  session: LabSession,
  start: () => Promise<JobRecord>,
  { onProgress, cancelled }: FollowJobOptions,
): Promise<string> {
  const { client } = session;
  const over = Promise.withResolvers<JobRecord>();
  let id: string | null = null;
  const take = (job: JobRecord): void => {
    if (job.id !== id) return;
    if (job.state !== 'running') over.resolve(job);
    else if (job.total !== null) onProgress(job);
  };
  const look = async (): Promise<void> => {
    for (const job of await client.invoke('jobs.list', {})) take(job);
  };
  const lookAgain = (): void => void look().catch(over.reject);
  const ends = [
    client.subscribe('jobsChanged', ({ jobs }) => {
      for (const job of jobs) take(job);
    }),
    client.subscribe('resync', lookAgain),
  ];
  const cancel = (): void => {
    if (id !== null) client.invoke('jobs.cancel', { id }).catch(over.reject);
  };
  if (cancelled !== undefined) ends.push(onInterrupts(cancel));
  try {
    ({ id } = await start());
    lookAgain();
    const job = await session.guard(over.promise);
    if (job.error !== null) throw LabError.from(job.error);
    if (job.state === 'cancelled') throw cancelled ?? new LabError('cancelled', 'It was cancelled.', 'Start it again.');
    return job.result ?? '';
  } finally {
    for (const end of ends) end();
  }
}
