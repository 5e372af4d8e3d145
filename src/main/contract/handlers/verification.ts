import { isAbsolute } from 'node:path';
import type { z } from 'zod';
import { engineCheckSchema, parityReportSchema, type Handlers, type ParityReport } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import type { EngineLocation, ParityRecord } from '#shared/protocol.ts';
import { checkMethods } from '../../runs/trainerTask.ts';
import { findParityFixtures, repeatReferenceRuns } from '../../verification/parityFixtures.ts';
import type { ContractContext } from '../context.ts';
import { ownMemoryPrefix } from '../deletedExperiments.ts';

const checkKey = `${ownMemoryPrefix}engineCheck`;
const parityKey = `${ownMemoryPrefix}parityReport`;

/** What shows that this machine computes what it should. The last report of each kind is kept in the lab. */
export function verificationHandlers({
  lab,
  jobs,
}: ContractContext): Pick<
  Handlers,
  'engines.checkMethods' | 'engines.lastCheck' | 'parity.check' | 'parity.lastReport'
> {
  /** Null where there is none, or it is of another version of the program. */
  const recall = <Schema extends z.ZodType>(key: string, schema: Schema): z.infer<Schema> | null =>
    schema.safeParse(lab.store.memory.get(key)).data ?? null;

  async function findEngine(id?: string): Promise<{ location: EngineLocation; title: string }> {
    const ladder = await lab.engines.list();
    const engine = ladder.find((candidate) => (id === undefined ? candidate.chosen : candidate.id === id));
    if (!engine) throw new LabError('notFound', `There is no engine “${id ?? ''}”.`, 'Look at the list of engines.');
    if (engine.location === null) {
      throw new LabError('engineMissing', `${engine.title} is not there: ${engine.reason}`, 'Install it first.');
    }
    return { location: engine.location, title: engine.title };
  }

  return {
    async 'engines.checkMethods'({ id }) {
      const { location, title } = await findEngine(id);
      return jobs.start({
        kind: 'checkMethods',
        title: `Check ${title}`,
        unit: 'checks',
        key: 'checkMethods',
        async run({ signal, report }) {
          const { engine, checks } = await checkMethods(
            lab.launcher,
            { engine: location, methods: null },
            (_check, done, total) => {
              report({ phase: 'Checking methods', done, total });
            },
            signal,
          );
          const checkedAt = new Date().toISOString();
          const check = { engine: engine.title, checkedAt, ok: checks.every(({ ok }) => ok), checks };
          lab.store.memory.set(checkKey, check);
          return null;
        },
      });
    },
    'engines.lastCheck': () => Promise.resolve(recall(checkKey, engineCheckSchema)),
    async 'parity.check'({ path }) {
      if (!isAbsolute(path)) {
        throw new LabError('invalidArgument', `“${path}” is no full path.`, 'Write it from the root, as in /home/….');
      }
      const fixtures = findParityFixtures(path);
      const { location } = await findEngine();
      return jobs.start({
        kind: 'checkParity',
        title: `Repeat the reference runs in ${path}`,
        unit: 'checks',
        key: `parity ${path}`,
        async run({ signal, report }) {
          const records = await repeatReferenceRuns(lab.launcher, location, fixtures, {
            signal,
            onProgress: (done) => {
              report({ phase: 'Repeating reference runs', done, total: fixtures.length });
            },
          });
          lab.store.memory.set(parityKey, toReport(path, records));
          return null;
        },
      });
    },
    'parity.lastReport': () => Promise.resolve(recall(parityKey, parityReportSchema)),
  };
}

function toReport(path: string, records: readonly ParityRecord[]): ParityReport {
  return {
    path,
    engine: records[0]?.engine ?? '',
    checkedAt: new Date().toISOString(),
    ok: records.every(({ ok }) => ok),
    records: records.map(({ fixture, mode, operations, ok, errors, tolerances, problem }) => ({
      fixture,
      mode,
      operations,
      ok,
      measures: Object.entries(tolerances).map(([kind, tolerance]) => {
        const error = errors[kind];
        return { kind, error: error !== undefined && Number.isFinite(error) ? error : null, tolerance };
      }),
      problem,
    })),
  };
}
