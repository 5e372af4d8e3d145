import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { EngineCheck, JobRecord, ParityReport } from '#shared/contract.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { useLab } from './lab.ts';
import { useMachine } from './machine.ts';

/** What shows that this machine computes what it should: the last reports, and making new ones. */
export const useVerification = defineStore('verification', () => {
  const { client } = useLab();
  const machine = useMachine();
  const check = shallowRef<EngineCheck | null>(null);
  const report = shallowRef<ParityReport | null>(null);
  const checkError = shallowRef<LabErrorData | null>(null);
  const parityError = shallowRef<LabErrorData | null>(null);
  /** Kept while one looks elsewhere. */
  const path = ref('');

  const runningJob = (kind: JobRecord['kind']): JobRecord | null =>
    machine.jobs.find((job) => job.kind === kind && job.state === 'running') ?? null;
  const checkJob = computed(() => runningJob('checkMethods'));
  const parityJob = computed(() => runningJob('checkParity'));

  async function load(): Promise<void> {
    try {
      [check.value, report.value] = await Promise.all([
        client.invoke('engines.lastCheck', {}),
        client.invoke('parity.lastReport', {}),
      ]);
      if (path.value === '') path.value = report.value?.path ?? '';
    } catch {
      // The connection's notice tells.
    }
  }

  /** Starts a job and waits for its end; what went wrong, or null. A cancelled one is no failure. */
  async function follow(start: () => Promise<JobRecord>): Promise<LabErrorData | null> {
    try {
      const begun = await start();
      machine.takeJobs([begun]);
      const ended = await machine.jobEnded(begun.id);
      if (ended.error) throw LabError.from(ended.error);
      return null;
    } catch (failure) {
      return toLabErrorData(failure);
    } finally {
      await load();
    }
  }

  async function checkMachine(): Promise<void> {
    checkError.value = null;
    checkError.value = await follow(() => client.invoke('engines.checkMethods', {}));
  }

  async function repeatReferenceRuns(): Promise<void> {
    parityError.value = null;
    parityError.value = await follow(() => client.invoke('parity.check', { path: path.value.trim() }));
  }

  async function cancel(job: JobRecord): Promise<void> {
    machine.takeJobs([await client.invoke('jobs.cancel', { id: job.id })]);
  }

  return {
    check,
    report,
    checkError,
    parityError,
    path,
    checkJob,
    parityJob,
    load,
    checkMachine,
    repeatReferenceRuns,
    cancel,
  };
});
