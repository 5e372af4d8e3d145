import type { Database } from 'better-sqlite3';
import { moveInOrder, type QueueMove, type RunPriority } from '#shared/domain/queue.ts';
import { LabError } from '#shared/errors.ts';
import { findRunSql, isRunIntact, noRun, prepareRunChange, type RunRow } from './runRows.ts';
import type { QueuedRun, QueueStore } from './store.ts';

/** Waiting runs in the order in which they start. */
export const listQueueSql = `SELECT * FROM runs WHERE state = 'queued'
  ORDER BY CASE queuePriority WHEN 'high' THEN 0 WHEN 'low' THEN 2 ELSE 1 END,
    queuePosition IS NULL, queuePosition, runKey`;

export function createQueueStore(database: Database): QueueStore {
  const find = database.prepare<[string], RunRow>(findRunSql);
  const listRows = database.prepare<[], RunRow>(listQueueSql);
  const change = prepareRunChange(database);

  function requireQueued(id: string): RunPriority {
    const row = find.get(id);
    if (!row) throw noRun(id);
    if (row.state === 'queued') return priorityOf(row);
    throw new LabError(
      'invalidState',
      `Run ${id} is ${row.state}: it has no place in the queue.`,
      'Only waiting runs can be moved or given another priority.',
    );
  }

  const list = (): QueuedRun[] =>
    listRows
      .all()
      .filter(isRunIntact)
      .map((row) => ({ id: row.id, priority: priorityOf(row) }));

  return {
    list,

    setPriority: database.transaction((id: string, priority: RunPriority) => {
      if (requireQueued(id) === priority) return;
      // Behind those that were put in order there.
      change(id, { queuePriority: priority === 'normal' ? null : priority, queuePosition: null });
    }),

    move: database.transaction((id: string, to: QueueMove) => {
      const priority = requireQueued(id);
      const before = list()
        .filter((run) => run.priority === priority)
        .map((run) => run.id);
      const after = moveInOrder(before, id, to);
      const lastMoved = after.findLastIndex((runId, index) => runId !== before[index]);
      for (const [position, runId] of after.slice(0, lastMoved + 1).entries()) {
        if (find.get(runId)?.queuePosition !== position) change(runId, { queuePosition: position });
      }
    }),
  };
}

function priorityOf({ queuePriority }: RunRow): RunPriority {
  return queuePriority === 'high' || queuePriority === 'low' ? queuePriority : 'normal';
}
