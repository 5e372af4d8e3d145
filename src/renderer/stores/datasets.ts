import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { DatasetPreview, JobRecord, MethodInput } from '#shared/contract.ts';
import { exampleDatasetId, type DatasetDocument } from '#shared/domain/dataset.ts';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { useLab } from './lab.ts';
import { useMachine } from './machine.ts';

const keptPreviews = 60;

/** The lab's data sets, and samples of them. */
export const useDatasets = defineStore('datasets', () => {
  const { client } = useLab();
  const machine = useMachine();
  const list = shallowRef<DatasetDocument[]>([]);
  const loaded = ref(false);
  const error = shallowRef<LabErrorData | null>(null);
  const previews = new Map<string, Promise<DatasetPreview>>();
  const byId = computed(() => new Map(list.value.map((dataset) => [dataset.id, dataset])));
  const hasExample = computed(() => byId.value.has(exampleDatasetId));
  /** The example data set in the making. */
  const exampleJob = computed(
    () => machine.jobs.find((job) => job.kind === 'exampleDataset' && job.state === 'running') ?? null,
  );
  let started: Promise<void> | null = null;
  let latest = 0;

  async function load(): Promise<void> {
    latest += 1;
    const own = latest;
    try {
      const found = await client.invoke('datasets.list', {});
      if (own !== latest) return;
      list.value = found;
      loaded.value = true;
      error.value = null;
    } catch (failure) {
      if (own === latest) error.value = toLabErrorData(failure);
    }
  }

  /** Follows the lab from the first call on; resolves when the list was asked for once. */
  function start(): Promise<void> {
    if (started) return started;
    client.subscribe('datasetsChanged', () => void load());
    client.subscribe('resync', () => void load());
    let before = true;
    client.onConnection((now) => {
      if (now && !before) void load();
      before = now;
    });
    return (started = load());
  }

  /** Images of a data set; the same question is asked once. */
  function preview(
    dataset: DatasetDocument,
    options: Omit<MethodInput<'datasets.preview'>, 'id'>,
  ): Promise<DatasetPreview> {
    const key = JSON.stringify([dataset.id, dataset.checksum, options]);
    const known = previews.get(key);
    if (known) return known;
    const asked = client.invoke('datasets.preview', { id: dataset.id, ...options });
    previews.set(key, asked);
    asked.catch(() => previews.delete(key));
    const oldest = previews.keys().next().value;
    if (previews.size > keptPreviews && oldest !== undefined) previews.delete(oldest);
    return asked;
  }

  async function makeExample(): Promise<JobRecord> {
    const job = await client.invoke('datasets.ensureExample', {});
    machine.takeJobs([job]);
    return job;
  }

  async function remove(id: string): Promise<void> {
    await client.invoke('datasets.remove', { id });
    await load();
  }

  return { list, byId, hasExample, exampleJob, loaded, error, start, load, preview, makeExample, remove };
});
