import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { ExperimentListItem, RunListItem } from '#shared/contract.ts';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { isActive } from '#shared/domain/runState.ts';
import { useLab } from './lab.ts';

/** Least time between two showings of progress alone. */
const progressIntervalMs = 400;

/** Every experiment with its runs, as the lab last told. */
export const useExperiments = defineStore('experiments', () => {
  const { client } = useLab();
  const all = shallowRef<ExperimentListItem[]>([]);
  const loaded = ref(false);
  const error = shallowRef<LabErrorData | null>(null);
  /** Newest first. */
  const current = computed(() => all.value.filter((experiment) => experiment.archivedAt === null));
  const archived = computed(() => all.value.filter((experiment) => experiment.archivedAt !== null));
  const runs = computed(() => new Map(all.value.flatMap((each) => each.runs.map((run) => [run.id, run] as const))));
  const activeRuns = computed(() => [...runs.value.values()].filter((run) => isActive(run.state)));
  let started = false;
  let loading: Promise<void> | null = null;
  let loadAgain = false;

  async function loadOnce(): Promise<void> {
    try {
      const [open, shelved] = await Promise.all([
        client.invoke('experiments.list', { archived: false }),
        client.invoke('experiments.list', { archived: true }),
      ]);
      const byId = new Map([...shelved, ...open].map((experiment) => [experiment.id, experiment]));
      all.value = [...byId.values()].toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
      loaded.value = true;
      error.value = null;
    } catch (failure) {
      error.value = toLabErrorData(failure);
    }
  }

  /** Loads the list; of many calls at once, one follows the one that is under way. */
  function load(): Promise<void> {
    if (loading) {
      loadAgain = true;
      return loading;
    }
    loading = loadOnce().finally(() => {
      loading = null;
      if (loadAgain) {
        loadAgain = false;
        void load();
      }
    });
    return loading;
  }

  const waitingRuns = new Map<string, RunListItem>();
  let waitingTimer: ReturnType<typeof setTimeout> | null = null;

  /** New states show at once; progress, which comes ten times a second, when the eye can follow. */
  function receiveRuns(changed: readonly RunListItem[]): void {
    for (const run of changed) waitingRuns.set(run.id, run);
    const moved = changed.some((run) => runs.value.get(run.id)?.state !== run.state);
    if (moved) flushRuns();
    else waitingTimer ??= setTimeout(flushRuns, progressIntervalMs);
  }

  function flushRuns(): void {
    if (waitingTimer !== null) clearTimeout(waitingTimer);
    waitingTimer = null;
    const changed = [...waitingRuns.values()];
    waitingRuns.clear();
    if (changed.length > 0) takeRuns(changed);
  }

  function takeRuns(changed: readonly RunListItem[]): void {
    const byId = new Map(changed.map((run) => [run.id, run]));
    if (changed.some((run) => !runs.value.has(run.id))) void load();
    all.value = all.value.map((experiment) =>
      experiment.runs.some((run) => byId.has(run.id))
        ? { ...experiment, runs: experiment.runs.map((run) => byId.get(run.id) ?? run) }
        : experiment,
    );
  }

  /** Follows the lab from now on. */
  function start(): void {
    if (started) return;
    started = true;
    client.subscribe('experimentsChanged', () => void load());
    client.subscribe('runsChanged', ({ runs: changed }) => receiveRuns(changed));
    client.subscribe('resync', () => void load());
    let before = true;
    client.onConnection((now) => {
      if (now && !before) void load();
      before = now;
    });
    void load();
  }

  async function create(document: unknown): Promise<ExperimentListItem> {
    const experiment = await client.invoke('experiments.create', { document });
    await load();
    return experiment;
  }

  /** Extends an experiment by seeds; returns how many runs are new. */
  async function addSeeds(id: string, seeds: number[]): Promise<number> {
    const { added } = await client.invoke('experiments.addSeeds', { id, seeds });
    await load();
    return added;
  }

  async function rename(id: string, name: string): Promise<void> {
    const renamed = await client.invoke('experiments.rename', { id, name });
    all.value = all.value.map((experiment) =>
      experiment.id === id ? { ...experiment, name: renamed.name } : experiment,
    );
  }

  async function setArchived(ids: string[], value: boolean): Promise<void> {
    await client.invoke('experiments.archive', { ids, archived: value });
    await load();
  }

  async function remove(ids: string[]): Promise<void> {
    await client.invoke('experiments.delete', { ids });
    all.value = all.value.filter((experiment) => !ids.includes(experiment.id));
    await load();
  }

  async function restore(ids: string[]): Promise<void> {
    await client.invoke('experiments.restore', { ids });
    await load();
  }

  async function stop(ids: string[]): Promise<void> {
    takeRuns(await client.invoke('runs.stop', { ids }));
  }

  async function pause(ids: string[]): Promise<void> {
    takeRuns(await client.invoke('runs.pause', { ids }));
  }

  async function resume(ids: string[]): Promise<void> {
    takeRuns(await client.invoke('runs.resume', { ids }));
  }

  return {
    all,
    current,
    archived,
    runs,
    activeRuns,
    loaded,
    error,
    start,
    load,
    create,
    addSeeds,
    rename,
    setArchived,
    remove,
    restore,
    stop,
    pause,
    resume,
  };
});
