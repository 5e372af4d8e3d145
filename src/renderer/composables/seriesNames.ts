import { onScopeDispose, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import { metricSeries } from '#shared/domain/metric.ts';
import { useLab } from '../stores/lab.ts';

/** Names of the series that some runs have, asked again until the first evaluation has shown them all. */
export function useSeriesNames(runIds: Ref<readonly string[]>): ShallowRef<ReadonlySet<string>> {
  const { client } = useLab();
  const names = shallowRef<ReadonlySet<string>>(new Set());
  const incomplete = new Set<string>();
  let asking = false;
  let timer: ReturnType<typeof setTimeout> | null = null;

  async function ask(ids: readonly string[]): Promise<void> {
    if (asking || ids.length === 0) return;
    asking = true;
    try {
      const lists = await client.invoke('metrics.list', { runIds: [...ids] });
      const found = new Set(names.value);
      for (const { runId, series } of lists) {
        for (const name of series) found.add(name);
        if (series.includes(metricSeries.validationLoss)) incomplete.delete(runId);
      }
      if (found.size !== names.value.size) names.value = found;
    } catch {
      // Asked again with the next points.
    } finally {
      asking = false;
    }
  }

  watch(
    () => runIds.value.join('\n'),
    () => {
      names.value = new Set();
      incomplete.clear();
      for (const id of runIds.value) incomplete.add(id);
      void ask(runIds.value);
    },
    { immediate: true },
  );

  const endSubscriptions = [
    client.subscribe('metricsAppended', (event) => {
      const ids = event.runIds.filter((id) => incomplete.has(id));
      if (ids.length === 0 || timer !== null) return;
      timer = setTimeout(() => {
        timer = null;
        void ask([...incomplete]);
      }, 500);
    }),
    client.subscribe('resync', () => void ask(runIds.value)),
  ];
  onScopeDispose(() => {
    for (const end of endSubscriptions) end();
    if (timer !== null) clearTimeout(timer);
  });
  return names;
}
