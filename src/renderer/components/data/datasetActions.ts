import { computed, ref, shallowRef, type ComputedRef, type Ref } from 'vue';
import { useRouter } from 'vue-router';
import { exampleDatasetId, type DatasetDocument } from '#shared/domain/dataset.ts';
import { useDatasets } from '../../stores/datasets.ts';
import { useExperiments } from '../../stores/experiments.ts';
import { useLab } from '../../stores/lab.ts';
import { useToasts } from '../../stores/toasts.ts';

export interface DatasetActions {
  use: (dataset: DatasetDocument) => void;
  verify: (dataset: DatasetDocument) => Promise<void>;
  verifying: Ref<string | null>;
  /** Removes what can be made again; asks before it destroys anything else. */
  remove: (dataset: DatasetDocument) => void;
  /** The data set about whose removal is asked. */
  asked: Ref<DatasetDocument | null>;
  askedUse: ComputedRef<number>;
  confirmRemove: () => Promise<void>;
  removing: Ref<boolean>;
  makeExample: () => Promise<void>;
}

/** What can be done with data sets, from cards and from their own page. */
export function useDatasetActions(onRemoved: () => void = () => undefined): DatasetActions {
  const { client } = useLab();
  const datasets = useDatasets();
  const experiments = useExperiments();
  const toasts = useToasts();
  const router = useRouter();
  const verifying = ref<string | null>(null);
  const asked = shallowRef<DatasetDocument | null>(null);
  const removing = ref(false);
  const askedUse = computed(() => experiments.all.filter((each) => each.datasetId === asked.value?.id).length);

  async function makeExample(): Promise<void> {
    await toasts.attempt(datasets.makeExample);
  }

  async function verify(dataset: DatasetDocument): Promise<void> {
    verifying.value = dataset.id;
    const found = await toasts.attempt(() => client.invoke('datasets.verify', { id: dataset.id }));
    verifying.value = null;
    if (found === null) return;
    if (found.ok) toasts.show({ title: `${dataset.name} is whole.`, detail: 'Every file agrees with its checksum.' });
    else {
      toasts.show({
        title: `${dataset.name} is damaged.`,
        detail: `${found.problems.join(' ')} Remove it and import it again.`,
        tone: 'danger',
      });
    }
  }

  async function removeNow(dataset: DatasetDocument): Promise<void> {
    removing.value = true;
    try {
      await datasets.remove(dataset.id);
      const again = dataset.id === exampleDatasetId;
      toasts.show({
        title: `${dataset.name} was removed.`,
        ...(again ? { action: { label: 'Make it again', run: () => void makeExample() } } : {}),
      });
      asked.value = null;
      onRemoved();
    } catch (error) {
      toasts.showError(error);
    } finally {
      removing.value = false;
    }
  }

  function remove(dataset: DatasetDocument): void {
    // The generator makes the same bytes again: nothing is destroyed.
    if (dataset.id === exampleDatasetId) void removeNow(dataset);
    else asked.value = dataset;
  }

  return {
    use: (dataset) => void router.push({ path: '/new', query: { dataset: dataset.id } }),
    verify,
    verifying,
    remove,
    asked,
    askedUse,
    confirmRemove: async () => {
      if (asked.value) await removeNow(asked.value);
    },
    removing,
    makeExample,
  };
}
