import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { EngineListItem, JobRecord, MachineDescription, MachineStatus, QueueState } from '#shared/contract.ts';
import { emptyQueue, type QueueSettings } from '#shared/domain/queue.ts';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { useLab } from './lab.ts';

/** The machine, its engines, jobs and queue, and whether the lab answers. */
export const useMachine = defineStore('machine', () => {
  const { client } = useLab();
  const connected = ref(true);
  const machine = shallowRef<MachineDescription | null>(null);
  /** How it is now, every few seconds while runs train. */
  const status = shallowRef<MachineStatus | null>(null);
  const engines = shallowRef<EngineListItem[] | null>(null);
  const jobs = shallowRef<JobRecord[]>([]);
  const queue = shallowRef<QueueState>(emptyQueue);
  const error = shallowRef<LabErrorData | null>(null);
  /** Why the lab is open for reading only, and what to do; null where it can be changed. */
  const readOnly = computed(() => machine.value?.readOnly ?? null);
  const engine = computed(() => engines.value?.find((item) => item.chosen) ?? null);
  let started = false;

  async function loadMachine(): Promise<void> {
    try {
      machine.value = await client.invoke('machine.describe', {});
      error.value = null;
    } catch (failure) {
      error.value = toLabErrorData(failure);
    }
  }

  async function loadStatus(): Promise<void> {
    try {
      status.value = await client.invoke('machine.health', {});
    } catch {
      // The next reading will tell.
    }
  }

  async function loadEngines(): Promise<void> {
    try {
      const list = await client.invoke('engines.list', {});
      // A description costs opening the engine: one that is known stays.
      engines.value = list.map((item) => ({
        ...item,
        description: item.description ?? engines.value?.find((known) => known.id === item.id)?.description ?? null,
      }));
      engines.value = await client.invoke('engines.list', { describe: true });
    } catch (failure) {
      error.value = toLabErrorData(failure);
    }
  }

  async function loadActivity(): Promise<void> {
    try {
      [jobs.value, queue.value] = await Promise.all([client.invoke('jobs.list', {}), client.invoke('queue.get', {})]);
    } catch {
      // The connection's notice tells, and coming back loads again.
    }
  }

  function takeJobs(changed: readonly JobRecord[]): void {
    const byId = new Map(jobs.value.map((job) => [job.id, job]));
    for (const job of changed) {
      // The answer that a job has begun may come behind the news that it has ended.
      const known = byId.get(job.id);
      if (known === undefined || known.state === 'running') byId.set(job.id, job);
    }
    jobs.value = [...byId.values()];
  }

  function loadAll(): void {
    void loadMachine();
    void loadStatus();
    void loadEngines();
    void loadActivity();
  }

  /** Follows the lab from now on. */
  function start(): void {
    if (started) return;
    started = true;
    let first = true;
    client.onConnection((now) => {
      const back = now && !connected.value;
      connected.value = now || first;
      if (back) loadAll();
      first = false;
    });
    client.subscribe('jobsChanged', ({ jobs: changed }) => takeJobs(changed));
    client.subscribe('queueChanged', (state) => (queue.value = state));
    client.subscribe('healthChanged', (next) => (status.value = next));
    client.subscribe('enginesChanged', () => void loadEngines());
    client.subscribe('resync', loadAll);
    loadAll();
  }

  /** Changes how the queue goes on. */
  async function setQueue(change: Partial<QueueSettings>): Promise<void> {
    queue.value = await client.invoke('queue.set', change);
  }

  /** Starts those of the runs that are queued; all where none are named. */
  async function startQueue(ids?: string[]): Promise<void> {
    queue.value = await client.invoke('queue.start', ids ? { ids } : {});
  }

  /** Waits until a job has ended. */
  function jobEnded(id: string): Promise<JobRecord> {
    return new Promise((resolve) => {
      const known = jobs.value.find((job) => job.id === id);
      if (known && known.state !== 'running') {
        resolve(known);
        return;
      }
      const end = client.subscribe('jobsChanged', ({ jobs: changed }) => {
        const job = changed.find((candidate) => candidate.id === id);
        if (!job || job.state === 'running') return;
        end();
        resolve(job);
      });
    });
  }

  return {
    connected,
    machine,
    readOnly,
    status,
    engines,
    engine,
    jobs,
    queue,
    error,
    start,
    loadMachine,
    loadStatus,
    loadEngines,
    takeJobs,
    setQueue,
    startQueue,
    jobEnded,
  };
});
