import {
  contract,
  type MethodInput,
  type MethodName,
  type MethodOutput,
  type ValidatedInput,
} from '#shared/contract.ts';
import {
  createOverviewer,
  findRuns,
  readStoredPoints,
  readStoredRun,
  runSourceOfStore,
} from '../contract/storedRuns.ts';
import type { Store } from '../store/store.ts';

/** What commands that only read ask a lab for. */
export type ReadMethod = Extract<MethodName, 'runs.find' | 'runs.read' | 'metrics.points'>;

export interface LabReader {
  invoke<Name extends ReadMethod>(name: Name, input: MethodInput<Name>): Promise<MethodOutput<Name>>;
}

/** Reads the store of a lab whose owner does not answer: SQLite lets many read. */
export function createReadOnlyClient(store: Store, labDirectory: string): LabReader {
  const source = runSourceOfStore(store, labDirectory);
  const handlers: { [Name in ReadMethod]: (input: ValidatedInput<Name>) => MethodOutput<Name> } = {
    'runs.find': (query) => findRuns(source, query).map(createOverviewer(source)),
    'runs.read': ({ id }) => readStoredRun(source, id),
    'metrics.points': ({ runId, series, ...options }) => readStoredPoints(source, runId, series, options),
  };
  return {
    async invoke<Name extends ReadMethod>(name: Name, input: MethodInput<Name>) {
      const handler = handlers[name] as (input: ValidatedInput<Name>) => MethodOutput<Name>;
      return Promise.resolve(handler(contract[name].input.parse(input) as ValidatedInput<Name>));
    },
  };
}
