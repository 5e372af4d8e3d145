import { z } from 'zod';
import {
  queueSettingsSchema,
  type DatasetInspection,
  type DatasetPreview,
  type EngineCheck,
  type EngineListItem,
  type EngineProgress,
  type EnsuredExperiment,
  type ExperimentDetail,
  type ExperimentListItem,
  type ExperimentPreview,
  type FinalValues,
  type ImportedRuns,
  type JobRecord,
  type LabDescription,
  type MachineDescription,
  type MachineStatus,
  type ParityReport,
  type PlannedRun,
  type QueueEntry,
  type QueueState,
  type RunDetail,
  type RunListItem,
  type RunOverview,
  type SeriesSlice,
  type StoredPoints,
  type StoredRun,
} from './contractRecords.ts';
import type { DatasetDocument } from './domain/dataset.ts';
import { queueMoves, runPriorities } from './domain/queue.ts';
import type { LogRecord } from './domain/runRecord.ts';
import { runStates } from './domain/runState.ts';

export * from './contractRecords.ts';

/**
 * The one table of everything a renderer (or another client) can ask of the lab. Types of the
 * handlers, of every transport and of the test fakes are derived from it; inputs are validated by
 * each transport's dispatcher. Inputs and results are plain JSON.
 */
interface MethodDefinition<Input extends z.ZodType, Output> {
  input: Input;
  effect: MethodEffect;
  /** Carries the result's type; never set. */
  output?: Output;
}

/**
 * What a method does to the lab: `reads` leaves its folder as it is, `remembers` keeps something for the
 * interface (in a lab that is open for reading only until the program ends), `changes` is refused there.
 */
export type MethodEffect = 'reads' | 'remembers' | 'changes';

// No method without saying what it does: there is no other way to declare one.
const reads = <Output>() => declare<Output>('reads');
const remembers = <Output>() => declare<Output>('remembers');
const changes = <Output>() => declare<Output>('changes');

function declare<Output>(effect: MethodEffect) {
  return <Input extends z.ZodType>(input: Input): MethodDefinition<Input, Output> => ({ input, effect });
}

const nothing = z.strictObject({});
const id = z.string().min(1).max(100);
const ids = z.array(id).min(1).max(1000);
/** Id of a run or an experiment as people type it: its beginning, or a run's end. */
const idPart = z.string().max(100);
const path = z.string().min(1).max(4096);
const name = z.string().trim().min(1).max(200);

export const contract = {
  'machine.describe': reads<MachineDescription>()(nothing),
  /** A reading of a few seconds ago at most. */
  'machine.health': reads<MachineStatus>()(nothing),
  'lab.describe': reads<LabDescription>()(nothing),
  /** Bytes of everything in its folder, as they were up to a minute ago: counting many files takes a while. */
  'lab.size': reads<{ bytes: number }>()(nothing),
  /** Writes the whole lab into one file on the lab's machine, while it is in use; `lab.restore` makes a lab of it. */
  'lab.backup': reads<JobRecord>()(z.strictObject({ path, datasets: z.boolean().default(true) })),
  /** Makes another lab of a backup, in a folder that is absent or empty: whole or not at all; the job's result is the folder. */
  'lab.restore': reads<JobRecord>()(z.strictObject({ path, directory: path })),
  /**
   * Verifies everything in the lab's database, and saves what can be read into a new one where something is
   * damaged. @throws LabError `invalidState` while runs train or other jobs work.
   */
  'lab.repair': changes<JobRecord>()(nothing),
  /** An archive (.tar.gz) for a report about a fault, without personal names and paths. */
  'lab.diagnostics': reads<{ fileName: string; base64: string }>()(nothing),
  'engines.list': reads<EngineListItem[]>()(z.strictObject({ describe: z.boolean().default(false) })),
  'engines.install': changes<JobRecord>()(z.strictObject({ id })),
  /** Checks every method's gradient and losses on the engine that trains, or the one named. */
  'engines.checkMethods': changes<JobRecord>()(z.strictObject({ id: id.optional() })),
  /** The last check that was finished in this lab, if there is one. */
  'engines.lastCheck': reads<EngineCheck | null>()(nothing),
  /** Repeats the reference run in a folder, or all in it, on the engine that trains. */
  'parity.check': changes<JobRecord>()(z.strictObject({ path })),
  'parity.lastReport': reads<ParityReport | null>()(nothing),
  'jobs.list': reads<JobRecord[]>()(nothing),
  'jobs.cancel': reads<JobRecord>()(z.strictObject({ id })),

  'datasets.list': reads<DatasetDocument[]>()(nothing),
  /** Unpacks archives within the lab. */
  'datasets.inspect': changes<DatasetInspection>()(z.strictObject({ path })),
  'datasets.import': changes<JobRecord>()(z.strictObject({ path, name: name.optional() })),
  'datasets.ensureExample': changes<JobRecord>()(nothing),
  'datasets.preview': reads<DatasetPreview>()(
    z.strictObject({
      id,
      split: z.enum(['training', 'validation']).default('training'),
      /** One class only. */
      label: z.int().nonnegative().max(255).optional(),
      count: z.int().positive().max(400).default(60),
      seed: z.int().nonnegative().max(0xffff_ffff).default(0),
    }),
  ),
  /** Reads every byte of a data set again and compares it with its checksums. */
  'datasets.verify': reads<{ id: string; ok: boolean; problems: string[] }>()(z.strictObject({ id })),
  'datasets.remove': changes<null>()(z.strictObject({ id })),

  'experiments.list': reads<ExperimentListItem[]>()(z.strictObject({ archived: z.boolean().default(false) })),
  'experiments.get': reads<ExperimentDetail>()(z.strictObject({ id })),
  'experiments.preview': reads<ExperimentPreview>()(z.strictObject({ document: z.unknown() })),
  /** The runs that an experiment would have. @throws LabError where it cannot be created. */
  'experiments.plan': reads<PlannedRun[]>()(z.strictObject({ document: z.unknown() })),
  /** Creates the experiment, its runs queued. */
  'experiments.create': changes<ExperimentDetail>()(z.strictObject({ document: z.unknown() })),
  /**
   * The experiment that compares the same on the same data: found and extended by the seeds that it does
   * not have, or created. What did not reach its end is queued; finished and diverged runs stay as they are.
   */
  'experiments.ensure': changes<EnsuredExperiment>()(z.strictObject({ document: z.unknown() })),
  /**
   * Extends this very experiment by seeds, each with everything that it compares, on the data and weights of
   * the runs that are there; as with `ensure`, what did not reach its end under these seeds is queued.
   * @throws LabError `invalidState` where its data set holds other data by now.
   */
  'experiments.addSeeds': changes<EnsuredExperiment>()(
    z.strictObject({ id, seeds: z.array(z.int().nonnegative().max(0xffff_ffff)).min(1).max(1000) }),
  ),
  'experiments.rename': changes<ExperimentListItem>()(z.strictObject({ id, name })),
  'experiments.archive': changes<null>()(z.strictObject({ ids, archived: z.boolean() })),
  /** Stops their runs and hides them; undone by `restore` until the lab is closed. */
  'experiments.delete': changes<null>()(z.strictObject({ ids })),
  'experiments.restore': changes<null>()(z.strictObject({ ids })),

  'runs.get': reads<RunDetail>()(z.strictObject({ id })),
  'runs.stop': changes<RunListItem[]>()(z.strictObject({ ids })),
  'runs.resume': changes<RunListItem[]>()(z.strictObject({ ids })),
  /**
   * Runs in order of creation: all, or those named by their own id or their experiment's.
   * @throws LabError `notFound` where a name is that of none, or of several.
   */
  'runs.find': reads<RunOverview[]>()(
    z.strictObject({
      ids: z.array(idPart).min(1).max(10_000).optional(),
      states: z.array(z.enum(runStates)).optional(),
    }),
  ),
  'runs.read': reads<StoredRun>()(z.strictObject({ id: idPart })),
  /** Deletes runs with everything they made, all or none; returns their ids. @throws LabError `invalidState` where one trains. */
  'runs.delete': changes<string[]>()(z.strictObject({ ids })),
  /** Writes runs into one archive on the lab's machine, with points, checkpoints, log and environment, for `runs.import`. */
  'runs.export': reads<JobRecord>()(z.strictObject({ ids, path })),
  /** Adds the runs of an archive (`runs.export`), all or none. @throws LabError `invalidArchive`. */
  'runs.import': changes<JobRecord>()(z.strictObject({ path })),
  /** What an import came to. @throws LabError `notFound` while it has not come to its end. */
  'runs.imported': reads<ImportedRuns>()(z.strictObject({ jobId: id })),
  /** Pauses runs that wait or train, these with a checkpoint at the next step; `runs.resume` goes on with them. */
  'runs.pause': changes<RunListItem[]>()(z.strictObject({ ids })),

  'queue.get': reads<QueueState>()(nothing),
  /** Runs that train, then those that wait and those not started in their order, then those that are paused. */
  'queue.list': reads<QueueEntry[]>()(nothing),
  /** Changes some of the settings, for this lab and from now on. */
  'queue.set': changes<QueueState>()(queueSettingsSchema.partial()),
  /** Moves a waiting run among those of its priority. @throws LabError `invalidState` where it does not wait. */
  'queue.move': changes<QueueState>()(z.strictObject({ id, to: z.enum(queueMoves) })),
  /** @throws LabError `invalidState` where one of the runs does not wait: none is changed then. */
  'queue.prioritize': changes<QueueState>()(z.strictObject({ ids, priority: z.enum(runPriorities) })),
  /** Starts queued runs of an earlier session: those named, or all. */
  'queue.start': changes<QueueState>()(z.strictObject({ ids: ids.optional() })),

  'metrics.list': reads<{ runId: string; series: string[] }[]>()(z.strictObject({ runIds: ids })),
  /**
   * Points after `afterStep` of many series at once. A client draws what it holds and asks for what
   * came after it: nothing is doubled or missed whatever happens to the connection meanwhile.
   */
  'metrics.read': reads<SeriesSlice[]>()(
    z.strictObject({
      requests: z
        .array(
          z.strictObject({
            runId: id,
            series: z.string().min(1).max(200),
            afterStep: z.number().min(-1).default(-1),
            /** What the client holds; with another revision or bucket size the answer replaces it. */
            metricsRevision: z.int().nonnegative().default(0),
            pointsPerBucket: z.int().positive().default(1),
          }),
        )
        .min(1)
        .max(2000),
      maximumBuckets: z.int().positive().max(20_000).default(2000),
    }),
  ),

  /** What series of runs come to (statistics/finalValue.ts), of every point as it was recorded. */
  'metrics.finalValues': reads<FinalValues[]>()(
    z.strictObject({ runIds: ids, series: z.array(z.string().min(1).max(200)).min(1).max(50) }),
  ),

  /** Every point as it was recorded, also those that are not finite. @throws LabError `labDamaged` where one is missing. */
  'metrics.points': reads<StoredPoints>()(
    z.strictObject({
      runId: id,
      series: z.string().min(1).max(200),
      /** Gives what can be read of a damaged series, and says what is missing: for exports. */
      allowMissing: z.boolean().default(false),
    }),
  ),

  /** Small JSON values that the interface keeps: drafts, settings, window layout. */
  'memory.get': reads<unknown>()(z.strictObject({ key: z.string().min(1).max(200) })),
  'memory.set': remembers<null>()(z.strictObject({ key: z.string().min(1).max(200), value: z.unknown() })),
} as const;

export type Contract = typeof contract;
export type MethodName = keyof Contract;
/** What a caller passes: fields with defaults may be absent. */
export type MethodInput<Name extends MethodName> = z.input<Contract[Name]['input']>;
/** What a handler receives, after validation. */
export type ValidatedInput<Name extends MethodName> = z.output<Contract[Name]['input']>;
export type MethodOutput<Name extends MethodName> = Exclude<Contract[Name]['output'], undefined>;

/** Events from the lab: what changed, to be asked for where it matters. Batched to at most about ten a second. */
export interface LabEvents {
  /** Experiments were made, renamed, archived, deleted or restored; look at the list also where no id is named. */
  experimentsChanged: { ids: string[] };
  /** The new state of runs, the latest only. */
  runsChanged: { runs: RunListItem[] };
  /** Runs that have new points. */
  metricsAppended: { runIds: string[] };
  /** New lines in the logs of runs. */
  runsLogged: { logs: { runId: string; record: LogRecord }[] };
  /** An engine is downloaded before a run trains; the latest only. */
  engineProgress: { runId: string; progress: EngineProgress };
  /** Every few seconds while runs train. */
  healthChanged: MachineStatus;
  datasetsChanged: Record<string, never>;
  enginesChanged: Record<string, never>;
  jobsChanged: { jobs: JobRecord[] };
  queueChanged: QueueState;
  /** Events were lost between: ask for everything again. */
  resync: Record<string, never>;
}
export type EventName = keyof LabEvents;

/** The lab as every client sees it, whatever the transport. */
export interface LabClient {
  /** @throws LabError as the handler threw it, or one that says that the lab cannot be reached. */
  invoke<Name extends MethodName>(name: Name, input: MethodInput<Name>): Promise<MethodOutput<Name>>;
  /** Returns the function that ends the subscription. */
  subscribe<Name extends EventName>(name: Name, listener: (payload: LabEvents[Name]) => void): () => void;
  /** Whether the lab answers now; called at once and at each change. */
  onConnection(listener: (connected: boolean) => void): () => void;
}

export type Handlers = {
  [Name in MethodName]: (input: ValidatedInput<Name>) => Promise<MethodOutput<Name>>;
};
