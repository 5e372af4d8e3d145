import { computed, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import type { ExperimentListItem, RunListItem } from '#shared/contract.ts';
import { isActive } from '#shared/domain/runState.ts';
import { useExperiments } from '../stores/experiments.ts';
import { usePreferences } from '../stores/preferences.ts';
import { comparedGroups, type ComparedGroup } from './comparedGroups.ts';

export interface ComparedRuns {
  shown: ComputedRef<ExperimentListItem[]>;
  title: ComputedRef<string>;
  /** Changes with runs, their states and the theme, but not with every step of progress. */
  groups: ShallowRef<readonly ComparedGroup[]>;
  /** Of the same standing as `groups`. */
  runs: ComputedRef<RunListItem[]>;
  active: ComputedRef<RunListItem[]>;
}

/** The experiments of these ids, and their runs joined to curves. */
export function useComparedRuns(ids: Ref<readonly string[]>): ComparedRuns {
  const experiments = useExperiments();
  const preferences = usePreferences();
  const shown = computed(() =>
    ids.value.flatMap((id) => experiments.all.find((experiment) => experiment.id === id) ?? []),
  );
  const title = computed(() => {
    if (shown.value.length === 1) return shown.value[0]?.name ?? '';
    return shown.value.length === 0 ? 'Experiment' : `Comparison of ${shown.value.length} experiments`;
  });
  const groups = shallowRef<readonly ComparedGroup[]>([]);
  let standing = '';
  watch(
    [shown, (): string => preferences.shownTheme],
    () => {
      const live = comparedGroups(shown.value, preferences.shownTheme);
      const now = JSON.stringify(
        live.map(({ key, label, style, runs }) => [key, label, style.color, runs.map(({ id, state }) => [id, state])]),
      );
      if (now !== standing) groups.value = live;
      standing = now;
    },
    { immediate: true },
  );
  const runs = computed(() => groups.value.flatMap((group) => group.runs));
  return {
    shown,
    title,
    groups,
    runs,
    active: computed(() => runs.value.filter((run) => isActive(run.state) && run.state !== 'stopping')),
  };
}
