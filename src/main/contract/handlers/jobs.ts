import type { Handlers } from '#shared/contract.ts';
import type { ContractContext } from '../context.ts';

export function jobHandlers({ jobs }: ContractContext): Pick<Handlers, 'jobs.list' | 'jobs.cancel'> {
  return {
    'jobs.list': () => Promise.resolve(jobs.list()),
    async 'jobs.cancel'({ id }) {
      return Promise.resolve(jobs.cancel(id));
    },
  };
}
