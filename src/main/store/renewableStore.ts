import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import type { Store } from './store.ts';

export interface RenewableStore {
  /** Stays the same for those who hold it, whatever happens to the database behind it. */
  store: Store;
  /**
   * Closes the database for work that needs it closed, and opens it again. Whoever asks the store
   * meanwhile is told so.
   */
  renew: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

const renewing: LabErrorData = {
  code: 'labInUse',
  message: 'The lab’s database is being repaired.',
  hint: 'Wait until that is done, then try again.',
};

/** A store whose database can be closed and opened again while the lab is open. */
export function createRenewableStore(open: () => Store): RenewableStore {
  const first = open();
  let current: Store | LabErrorData = first;
  const require = (): Store => {
    if ('code' in current) throw LabError.from(current);
    return current;
  };
  const part = <Name extends 'experiments' | 'runs' | 'queue' | 'metrics' | 'memory'>(name: Name): Store[Name] => {
    const methods = Object.keys(first[name]).map((key) => [
      key,
      (...values: unknown[]): unknown => {
        const method = Reflect.get(require()[name], key) as (...values: unknown[]) => unknown;
        return method(...values);
      },
    ]);
    return Object.fromEntries(methods) as Store[Name];
  };
  return {
    store: {
      experiments: part('experiments'),
      runs: part('runs'),
      queue: part('queue'),
      metrics: part('metrics'),
      memory: part('memory'),
      damaged: () => require().damaged(),
      findDamage: async () => require().findDamage(),
      copyTo: async (file, watch) => require().copyTo(file, watch),
      importRuns: (fromDirectory, place) => require().importRuns(fromDirectory, place),
      close() {
        if (!('code' in current)) current.close();
      },
    },
    async renew(work) {
      require().close();
      current = renewing;
      try {
        return await work();
      } finally {
        try {
          current = open();
        } catch (error) {
          current = toLabErrorData(error);
        }
      }
    },
  };
}
