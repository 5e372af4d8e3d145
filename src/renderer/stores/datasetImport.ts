import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { DatasetInspection, JobRecord } from '#shared/contract.ts';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { useLab } from './lab.ts';
import { useMachine } from './machine.ts';

export const importSteps = ['choose', 'inspect', 'name', 'import'] as const;
export type ImportStep = (typeof importSteps)[number];

export interface Transfer {
  label: string;
  done: number;
  total: number;
  secondsLeft: number | null;
}

/** One import from choosing to done; every step can be walked back, and it goes on while its sheet is closed. */
export const useDatasetImport = defineStore('datasetImport', () => {
  const { client, host } = useLab();
  const machine = useMachine();
  const open = ref(false);
  const step = ref<ImportStep>('choose');
  /** As typed. */
  const path = ref('');
  /** What is looked at: a path on the lab's machine, and how people know it. */
  const source = shallowRef<{ path: string; label: string } | null>(null);
  const transfer = shallowRef<Transfer | null>(null);
  const inspecting = ref(false);
  const inspection = shallowRef<DatasetInspection | null>(null);
  const name = ref('');
  const jobId = ref<string | null>(null);
  const problem = shallowRef<LabErrorData | null>(null);
  const job = computed((): JobRecord | null => machine.jobs.find((each) => each.id === jobId.value) ?? null);
  const running = computed(() => job.value?.state === 'running');
  /** Whether a step can be gone to now. */
  const reachable = computed((): Readonly<Record<ImportStep, boolean>> => ({
    choose: !running.value,
    inspect: !running.value && source.value !== null,
    name: !running.value && inspection.value !== null,
    import: job.value !== null,
  }));

  let latest = 0;
  let abort = new AbortController();

  /** Forgets what was found, not what was typed. */
  function forget(): void {
    latest += 1;
    abort.abort();
    abort = new AbortController();
    source.value = null;
    transfer.value = null;
    inspecting.value = false;
    inspection.value = null;
    problem.value = null;
    jobId.value = null;
  }

  async function inspect(): Promise<void> {
    const looked = source.value;
    if (!looked) return;
    latest += 1;
    const own = latest;
    step.value = 'inspect';
    inspecting.value = true;
    inspection.value = null;
    problem.value = null;
    try {
      const found = await client.invoke('datasets.inspect', { path: looked.path });
      if (own !== latest) return;
      inspection.value = found;
      name.value = found.suggestedName;
    } catch (error) {
      if (own === latest) problem.value = toLabErrorData(error);
    } finally {
      if (own === latest) inspecting.value = false;
    }
  }

  async function choosePath(chosen: string): Promise<void> {
    const trimmed = chosen.trim();
    if (trimmed === '') return;
    forget();
    path.value = chosen;
    source.value = { path: trimmed, label: trimmed.split(/[/\\]/).findLast((part) => part !== '') ?? trimmed };
    await inspect();
  }

  /** Takes files to the lab's machine where they are elsewhere, then looks at them. */
  async function chooseFiles(files: readonly File[], label: string): Promise<void> {
    forget();
    const own = latest;
    step.value = 'inspect';
    const total = files.reduce((sum, file) => sum + file.size, 0);
    const startedAt = performance.now();
    transfer.value = { label, done: 0, total, secondsLeft: null };
    try {
      if (host.receiveFiles === null) throw new Error('This page cannot hand files to the lab.');
      const received = await host.receiveFiles(
        files,
        (done) => {
          if (own !== latest) return;
          const seconds = (performance.now() - startedAt) / 1000;
          const secondsLeft = seconds > 1 && done > 0 ? ((total - done) * seconds) / done : null;
          transfer.value = { label, done, total, secondsLeft };
        },
        abort.signal,
      );
      if (own !== latest) return;
      transfer.value = null;
      source.value = { path: received, label };
      await inspect();
    } catch (error) {
      if (own !== latest) return;
      transfer.value = null;
      problem.value =
        host.receiveFiles === null
          ? {
              code: 'notAllowed',
              message: 'This page cannot hand files to the lab.',
              hint: 'Type the path of the folder or archive on the lab’s machine instead.',
            }
          : toLabErrorData(error);
    }
  }

  function goTo(next: ImportStep): void {
    if (!reachable.value[next] || next === step.value) return;
    // What failed is told where it failed.
    if (next !== 'import' && job.value?.state !== 'done') problem.value = null;
    if (next === 'choose') {
      latest += 1;
      abort.abort();
      abort = new AbortController();
      transfer.value = null;
      inspecting.value = false;
    }
    step.value = next;
    if (next === 'inspect' && inspection.value === null && !inspecting.value) void inspect();
  }

  /** Ends the transfer or the look; an answer that still comes is not listened to. */
  function cancelLook(): void {
    forget();
    step.value = 'choose';
  }

  async function startImport(): Promise<void> {
    const chosen = source.value;
    const given = name.value.trim();
    if (!chosen || given === '' || running.value) return;
    step.value = 'import';
    problem.value = null;
    jobId.value = null;
    try {
      const begun = await client.invoke('datasets.import', { path: chosen.path, name: given });
      // Events may have told of it already, and know more.
      if (!machine.jobs.some((each) => each.id === begun.id)) machine.takeJobs([begun]);
      jobId.value = begun.id;
    } catch (error) {
      problem.value = toLabErrorData(error);
    }
  }

  async function cancelImport(): Promise<void> {
    if (jobId.value === null) return;
    try {
      machine.takeJobs([await client.invoke('jobs.cancel', { id: jobId.value })]);
    } catch (error) {
      problem.value = toLabErrorData(error);
    }
  }

  /** Shows the sheet: the import that goes on, or a new one. */
  function show(): void {
    if (job.value?.state === 'done') {
      forget();
      path.value = '';
      step.value = 'choose';
    }
    open.value = true;
  }

  return {
    open,
    step,
    path,
    source,
    transfer,
    inspecting,
    inspection,
    name,
    job,
    running,
    problem,
    reachable,
    show,
    goTo,
    choosePath,
    chooseFiles,
    inspect,
    cancelLook,
    startImport,
    cancelImport,
  };
});
