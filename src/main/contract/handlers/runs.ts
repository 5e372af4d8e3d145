import type { Handlers, RunListItem } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import type { RunRecord } from '../../store/store.ts';
import type { ContractContext } from '../context.ts';
import { requireRun, toRunListItem } from '../records.ts';

const longestLog = 2000;

export function runHandlers(
  context: ContractContext,
): Pick<Handlers, 'runs.get' | 'runs.stop' | 'runs.resume' | 'queue.get'> {
  const { lab, queue } = context;
  return {
    async 'runs.get'({ id }) {
      const run = requireRun(context, id);
      return Promise.resolve({
        ...toRunListItem(context, run),
        document: run.document,
        documentHash: run.documentHash,
        environment: run.environment === null ? null : { ...run.environment },
        checkpoints: lab.runs.checkpoints(id).map(({ step, bytes, createdAt }) => ({ step, bytes, createdAt })),
        log: lab.runs.log(id).slice(-longestLog),
      });
    },
    async 'runs.stop'({ ids }) {
      return Promise.resolve(forEachRun(context, ids, (id) => lab.runs.stop(id)));
    },
    async 'runs.resume'({ ids }) {
      return Promise.resolve(forEachRun(context, ids, (id) => lab.runs.resume(id)));
    },
    'queue.get': () => Promise.resolve(queue.describe()),
  };
}

/**
 * Does something to each run that is in a state for it; the others are returned as they are.
 * @throws LabError the first reason, where no run was; `notFound` before anything is done.
 */
function forEachRun(
  context: ContractContext,
  ids: readonly string[],
  action: (id: string) => RunRecord,
): RunListItem[] {
  const runs = [...new Set(ids)].map((id) => requireRun(context, id));
  const refusals: LabError[] = [];
  const results = runs.map((run) => {
    try {
      return action(run.id);
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'invalidState') throw error;
      refusals.push(error);
      return run;
    }
  });
  if (refusals[0] && refusals.length === runs.length) throw refusals[0];
  return results.map((run) => toRunListItem(context, run));
}
