import { computed, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import type { ExperimentListItem, ExperimentPreview } from '#shared/contract.ts';
import type { ExperimentDocument } from '#shared/domain/experiment.ts';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { formatSeeds, parseSeeds, resizeSeeds } from '../components/experimentForm/seeds.ts';
import { useExperiments } from '../stores/experiments.ts';
import { useLab } from '../stores/lab.ts';

/** Proposed at first: from three seeds on, intervals can be given. */
const proposedSeeds = 3;

type Experiments = readonly Pick<ExperimentListItem, 'id' | 'seeds'>[];

/** The next seeds that none of the experiments has: equal ones for all of them, so that their runs are paired. */
export function proposeSeeds(experiments: Experiments, count = proposedSeeds): number[] {
  const there = [...new Set(experiments.flatMap((each) => each.seeds))];
  return resizeSeeds(there, there.length + count).slice(there.length);
}

export interface AddedSeedsCost {
  runs: number;
  /** Null where the speed of some run is not known. */
  seconds: number | null;
  memoryBytes: number | null;
  /** What stands in the way, in words. */
  problems: string[];
}

export interface AddedSeeds {
  /** As typed. */
  text: Ref<string>;
  seeds: ComputedRef<number[]>;
  /** What is wrong with what was typed; null where nothing is. */
  problem: ComputedRef<string | null>;
  /** Null until it is known of the seeds as they are typed now. */
  cost: ShallowRef<AddedSeedsCost | null>;
  error: ShallowRef<LabErrorData | null>;
  busy: Ref<boolean>;
  setCount: (count: number) => void;
  /** Adds the seeds to every experiment; how many runs are new, or null where the lab refuses. */
  add: () => Promise<number | null>;
}

/** Seeds that are added to experiments as they are: proposed, what they cost, and added. */
export function useAddedSeeds(experiments: Experiments): AddedSeeds {
  const { client } = useLab();
  const store = useExperiments();
  const text = ref(formatSeeds(proposeSeeds(experiments)));
  const parsed = computed(() => parseSeeds(text.value));
  const cost = shallowRef<AddedSeedsCost | null>(null);
  const error = shallowRef<LabErrorData | null>(null);
  const busy = ref(false);
  const seeds = computed(() => (parsed.value.problem === null ? parsed.value.seeds : []));
  /** Of the seeds, those that an experiment does not have. */
  const missing = (experiment: Experiments[number]): number[] =>
    seeds.value.filter((seed) => !experiment.seeds.includes(seed));
  const problem = computed(() => {
    if (parsed.value.problem !== null) return parsed.value.problem;
    if (experiments.some((each) => missing(each).length > 0)) return null;
    return seeds.value.length === 1 ? 'This seed is there already.' : 'These seeds are there already.';
  });

  const documents = new Map<string, Promise<ExperimentDocument>>();
  function documentOf(id: string): Promise<ExperimentDocument> {
    const known =
      documents.get(id) ?? client.invoke('experiments.get', { id }).then((experiment) => experiment.document);
    documents.set(id, known);
    return known;
  }
  const preview = async (experiment: Experiments[number]): Promise<ExperimentPreview[]> => {
    const added = missing(experiment);
    if (added.length === 0) return [];
    const document = await documentOf(experiment.id);
    return [await client.invoke('experiments.preview', { document: { ...document, seeds: added } })];
  };

  let asked = 0;
  watch(
    seeds,
    async () => {
      asked += 1;
      const own = asked;
      cost.value = null;
      if (problem.value !== null) return;
      try {
        const previews = (await Promise.all(experiments.map(preview))).flat();
        if (own !== asked) return;
        cost.value = sumCosts(previews);
        error.value = null;
      } catch (failure) {
        if (own === asked) error.value = toLabErrorData(failure);
      }
    },
    { immediate: true },
  );

  async function add(): Promise<number | null> {
    if (problem.value !== null || busy.value) return null;
    busy.value = true;
    error.value = null;
    try {
      let added = 0;
      for (const experiment of experiments) {
        if (missing(experiment).length > 0) added += await store.addSeeds(experiment.id, missing(experiment));
      }
      return added;
    } catch (failure) {
      error.value = toLabErrorData(failure);
      return null;
    } finally {
      busy.value = false;
    }
  }

  const setCount = (count: number): void => {
    if (Number.isInteger(count) && count >= 1 && count < 1000) {
      text.value = formatSeeds(proposeSeeds(experiments, count));
    }
  };
  return { text, seeds, problem, cost, error, busy, setCount, add };
}

function sumCosts(previews: readonly ExperimentPreview[]): AddedSeedsCost {
  const seconds = previews.map((each) => each.estimatedSeconds);
  const memory = previews.flatMap((each) => each.estimatedMemoryBytes ?? []);
  return {
    runs: previews.reduce((sum, each) => sum + each.runs.length, 0),
    seconds: seconds.includes(null) ? null : seconds.reduce<number>((sum, each) => sum + (each ?? 0), 0),
    memoryBytes: memory.length === 0 ? null : Math.max(...memory),
    problems: [...new Set(previews.flatMap((each) => each.problems.map(({ message }) => message)))],
  };
}
