import type { Handlers } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import type { ContractContext } from '../context.ts';
import { requireRun } from '../records.ts';

type QueueMethods = 'queue.get' | 'queue.list' | 'queue.set' | 'queue.move' | 'queue.prioritize' | 'queue.start';

export function queueHandlers(context: ContractContext): Pick<Handlers, QueueMethods> {
  const { lab, queue } = context;
  return {
    'queue.get': () => Promise.resolve(queue.describe()),
    'queue.list': () => Promise.resolve(queue.list()),
    async 'queue.set'({ paused, trainersAtOnce, startWhenIdle }) {
      lab.runs.setQueue({
        ...(paused === undefined ? {} : { paused }),
        ...(trainersAtOnce === undefined ? {} : { trainersAtOnce }),
        ...(startWhenIdle === undefined ? {} : { startWhenIdle }),
      });
      return Promise.resolve(queue.describe());
    },
    async 'queue.move'({ id, to }) {
      requireRun(context, id);
      lab.runs.move(id, to);
      return Promise.resolve(queue.describe());
    },
    async 'queue.prioritize'({ ids, priority }) {
      const runs = [...new Set(ids)].map((id) => requireRun(context, id));
      const busy = runs.find((run) => run.state !== 'queued');
      if (busy) {
        throw new LabError(
          'invalidState',
          `Run ${busy.id} is ${busy.state}: it has no place in the queue.`,
          'Only waiting runs can be given another priority.',
        );
      }
      for (const { id } of runs) lab.runs.setPriority(id, priority);
      return Promise.resolve(queue.describe());
    },
    async 'queue.start'({ ids }) {
      for (const id of ids ?? []) requireRun(context, id);
      lab.runs.start(ids);
      return Promise.resolve(queue.describe());
    },
  };
}
