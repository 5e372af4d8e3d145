import type { ExperimentDocument } from '#shared/domain/experiment.ts';
import type { MissingSteps, SeriesPoints } from '#shared/domain/metric.ts';
import type { QueueMove, RunPriority } from '#shared/domain/queue.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import type { CheckpointRecord, LogRecord, RunRecord, SeriesSummary } from '#shared/domain/runRecord.ts';
import type { RunState } from '#shared/domain/runState.ts';
import type { LabErrorData } from '#shared/errors.ts';
import type { CopyWatch } from './copyDatabase.ts';
import type { TransferredRun } from './transferRuns.ts';
import type { Buckets } from '#shared/statistics/downsample.ts';

export type {
  CheckpointRecord,
  LogRecord,
  RunEnvironment,
  RunRecord,
  SeriesSummary,
} from '#shared/domain/runRecord.ts';

export interface ExperimentRecord {
  id: string;
  name: string;
  document: ExperimentDocument;
  documentHash: string;
  /** ISO 8601, UTC. */
  createdAt: string;
  /** When it was put away; null while it is in the list. */
  archivedAt: string | null;
}

export interface NewRun {
  label: string;
  document: RunDocument;
}

export interface ExperimentStore {
  /** Creates the experiment and its runs (state `queued`) in one transaction. */
  create(document: ExperimentDocument, runs: readonly NewRun[]): ExperimentRecord;
  /** Replaces the document and adds runs (state `queued`) behind those there are, in one transaction. */
  extend(id: string, document: ExperimentDocument, runs: readonly NewRun[]): void;
  /** @throws LabError `labDamaged` where the document does not match its hash. */
  get(id: string): ExperimentRecord | null;
  /** Newest first; without those that `Store.damaged` names. */
  list(): ExperimentRecord[];
  rename(id: string, name: string): void;
  setArchived(id: string, archived: boolean): void;
  /**
   * Deletes an experiment with its runs and all that belongs to them.
   * @throws LabError `invalidState` where one of its runs is active.
   */
  remove(id: string): void;
}

/** A run that waits for a trainer. */
export interface QueuedRun {
  id: string;
  priority: RunPriority;
}

/** The order of waiting runs: by priority, then as they were put, then by creation. */
export interface QueueStore {
  /** All runs in state `queued`, in the order in which they start; without those that `Store.damaged` names. */
  list(): QueuedRun[];
  /** @throws LabError `notFound`, or `invalidState` where the run does not wait; so does `move`. */
  setPriority(id: string, priority: RunPriority): void;
  /** Moves a run among those of its priority. */
  move(id: string, to: QueueMove): void;
}

export interface RunFilter {
  experimentId?: string;
  states?: readonly RunState[];
}

export interface RunStore {
  /** @throws LabError `labDamaged` where the document does not match its hash. */
  get(id: string): RunRecord | null;
  /** `get` of the run that `resolveId` finds. */
  resolve(idOrPart: string): RunRecord;
  /**
   * Id of the one run whose id starts with this text, or, where none does, ends with it (runs made
   * together differ at the end); finds damaged runs too, so that they can be removed.
   * @throws LabError `notFound` for none or several.
   */
  resolveId(idOrPart: string): string;
  /** In order of creation; without those that `Store.damaged` names. */
  list(filter?: RunFilter): RunRecord[];
  /**
   * Moves a run to another state and writes what belongs to it in the same transaction.
   * @throws LabError `invalidState` where `canTransition` says no.
   */
  transition(id: string, to: RunState, patch?: RunPatch): RunRecord;
  /** Writes without changing the state. */
  update(id: string, patch: RunPatch): void;
  /** Deletes a run that is not active, with its metrics, log and checkpoint records. */
  remove(id: string): void;
  addCheckpoint(checkpoint: Omit<CheckpointRecord, 'createdAt'>): void;
  removeCheckpoint(runId: string, file: string): void;
  /** Newest (highest step) first. */
  listCheckpoints(runId: string): CheckpointRecord[];
  addLog(runId: string, record: LogRecord): void;
  listLog(runId: string): LogRecord[];
}

export type RunPatch = Partial<
  Pick<
    RunRecord,
    'error' | 'progress' | 'summary' | 'environment' | 'resumeCount' | 'startedAt' | 'finishedAt' | 'document'
  >
>;

/** Down-sampled points: one bucket stands for `count` raw points. */
export interface SeriesBuckets extends Buckets {
  /** Raw points a bucket, a power of two; 1 where nothing was down-sampled. The last bucket may hold less. */
  pointsPerBucket: number;
  /** Where points are missing because their chunk is damaged; buckets count them as not finite. */
  missing: MissingSteps[];
}

export interface MetricStore {
  /**
   * Adds points to a run's series. Buffered until `flush`; all of it or nothing.
   * @throws LabError `invalidArgument` where steps do not ascend within a series, `notFound` without the run.
   */
  append(runId: string, series: Record<string, SeriesPoints>): void;
  /**
   * Writes what is buffered, of one run or of all; called about once a second and at the end of a run.
   * @throws LabError `diskFull`, `labDamaged`, …: what could not be written stays buffered.
   */
  flush(runId?: string): void;
  /** Every point. @throws LabError `labDamaged` where a chunk's checksum does not match. */
  read(runId: string, series: string): SeriesPoints;
  /** Every point that can be read, and where others were. @throws LabError `labDamaged` where that is not known. */
  readReadable(runId: string, series: string): SeriesPoints & { missing: MissingSteps[] };
  /**
   * At most `maximumBuckets` buckets for the whole series (and more than half as many where it has
   * them), from the level that fits; reads little. Buckets start at the series' first point, so a
   * full bucket never changes while points are added.
   * @param afterStep Leaves out buckets whose last step is not above it: to extend a curve.
   */
  readBuckets(runId: string, series: string, maximumBuckets: number, afterStep?: number): SeriesBuckets;
  /** In order of their names. */
  list(runId: string): SeriesSummary[];
  /** The run's `metricsRevision` now. @throws LabError `notFound` without the run. */
  revision(runId: string): number;
  /** Discards all points with a step above `step`: a run goes on from an older checkpoint. */
  truncateAfter(runId: string, step: number): void;
}

/** Small JSON values that the interface keeps. */
export interface MemoryStore {
  /** Null where nothing is kept under the key. */
  get(key: string): unknown;
  /** Null and undefined remove the key. */
  set(key: string, value: unknown): void;
}

/** Everything in `lab.sqlite`; only main writes it. */
export interface Store {
  readonly experiments: ExperimentStore;
  readonly runs: RunStore;
  readonly queue: QueueStore;
  readonly metrics: MetricStore;
  readonly memory: MemoryStore;
  /** Experiments and runs whose document does not match its hash: what is damaged and what to do. */
  damaged(): LabErrorData[];
  /** The same, while whoever owns the lab goes on: a large lab has many records to read. */
  findDamage(): Promise<LabErrorData[]>;
  /**
   * Copies the database into a new file, as it is at one moment of that, while it is in use.
   * @throws LabError as `copyDatabase`; the signal's reason.
   */
  copyTo(file: string, watch?: CopyWatch): Promise<void>;
  /**
   * Adds the runs of another lab's folder, which nobody else has open, all or none (`transferRuns`).
   * @param place Puts their files in place, before the runs are there for anyone; where it fails, nothing is added.
   */
  importRuns(fromDirectory: string, place: (runs: readonly TransferredRun[]) => void): TransferredRun[];
  /** Flushes metrics and closes the database, whether or not the flush succeeds. */
  close(): void;
}
