import type { Handlers } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import type { ContractContext } from '../context.ts';
import { ownMemoryPrefix } from '../deletedExperiments.ts';

export function memoryHandlers({ lab }: ContractContext): Pick<Handlers, 'memory.get' | 'memory.set'> {
  return {
    'memory.get': ({ key }) => Promise.resolve(lab.store.memory.get(key)),
    async 'memory.set'({ key, value }) {
      if (key.startsWith(ownMemoryPrefix)) {
        throw new LabError('invalidArgument', `“${key}” is kept by the lab itself.`, 'Choose another key.');
      }
      lab.store.memory.set(key, value);
      return Promise.resolve(null);
    },
  };
}
