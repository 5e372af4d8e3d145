import { computed, shallowRef, type ComputedRef, type ShallowRef } from 'vue';
import type { JobRecord } from '#shared/contract.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { useLab } from '../stores/lab.ts';
import { useMachine } from '../stores/machine.ts';

export interface LabJob {
  /** The job of this kind that runs now, whoever began it. */
  job: ComputedRef<JobRecord | null>;
  /** Why the last one came to nothing. */
  error: ShallowRef<LabErrorData | null>;
  /** Begins a job and waits for its end; null where it was cancelled or failed. */
  run: (begin: () => Promise<JobRecord>) => Promise<JobRecord | null>;
  cancel: () => void;
}

/** A kind of job of the lab, as a view begins, shows and ends it. */
export function useLabJob(kind: JobRecord['kind']): LabJob {
  const { client } = useLab();
  const machine = useMachine();
  const job = computed(() => machine.jobs.find((each) => each.kind === kind && each.state === 'running') ?? null);
  const error = shallowRef<LabErrorData | null>(null);
  return {
    job,
    error,
    async run(begin) {
      error.value = null;
      try {
        const begun = await begin();
        machine.takeJobs([begun]);
        const ended = await machine.jobEnded(begun.id);
        if (ended.error) throw LabError.from(ended.error);
        return ended.state === 'done' ? ended : null;
      } catch (failure) {
        error.value = toLabErrorData(failure);
        return null;
      }
    },
    cancel() {
      if (job.value) void client.invoke('jobs.cancel', { id: job.value.id }).catch(() => undefined);
    },
  };
}
