import { computed, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import type { QueueEntry, RunListItem } from '#shared/contract.ts';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { runFraction } from '../data/legendRows.ts';
import { useExperiments } from '../stores/experiments.ts';
import { useLab } from '../stores/lab.ts';
import { useMachine } from '../stores/machine.ts';

export type QueueRow =
  | { kind: 'experiment'; key: string; experimentId: string; name: string; count: number }
  | { kind: 'run'; key: string; entry: QueueEntry; run: RunListItem; position: number | null; place: QueuePlace };

/** Where a run of the queue is. */
export type QueuePlace = 'training' | 'waiting' | 'unstarted' | 'paused';

/** Parts of a run's progress after which estimates are asked for again. */
const looksARun = 50;

/** Rows of the queue: runs in their order, neighbours of one experiment under its name; live. */
export function useQueueEntries(): {
  rows: ComputedRef<QueueRow[]>;
  loaded: Ref<boolean>;
  error: ShallowRef<LabErrorData | null>;
} {
  const { client } = useLab();
  const machine = useMachine();
  const experiments = useExperiments();
  const entries = shallowRef<QueueEntry[]>([]);
  const loaded = ref(false);
  const error = shallowRef<LabErrorData | null>(null);
  const pausedIds = computed(() =>
    [...experiments.runs.values()].filter((run) => run.state === 'paused').map((run) => run.id),
  );
  const moment = computed(() => {
    const fractions = machine.queue.running.map((id) => {
      const run = experiments.runs.get(id);
      return run === undefined ? 0 : Math.floor(runFraction(run) * looksARun);
    });
    return JSON.stringify([machine.queue, pausedIds.value, fractions]);
  });
  let asked = 0;
  watch(
    moment,
    async () => {
      asked += 1;
      const own = asked;
      try {
        const list = await client.invoke('queue.list', {});
        if (own !== asked) return;
        entries.value = list;
        error.value = null;
      } catch (failure) {
        error.value = toLabErrorData(failure);
      }
      loaded.value = true;
    },
    { immediate: true },
  );

  const rows = computed(() => {
    const { running, queued } = machine.queue;
    const result: QueueRow[] = [];
    let group = null as Extract<QueueRow, { kind: 'experiment' }> | null;
    let position = 0;
    for (const entry of entries.value) {
      const run = experiments.runs.get(entry.runId);
      if (!run) continue;
      if (group?.experimentId !== entry.experimentId) {
        const { experimentId, experimentName: name } = entry;
        group = { kind: 'experiment', key: `before-${entry.runId}`, experimentId, name, count: 0 };
        result.push(group);
      }
      group.count += 1;
      const place = running.includes(run.id)
        ? 'training'
        : queued.includes(run.id)
          ? 'waiting'
          : run.state === 'paused'
            ? 'paused'
            : 'unstarted';
      if (place === 'waiting') position += 1;
      result.push({ kind: 'run', key: run.id, entry, run, place, position: place === 'waiting' ? position : null });
    }
    return result;
  });
  return { rows, loaded, error };
}
