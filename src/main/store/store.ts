import type { ExperimentDocument } from '#shared/domain/experiment.ts';
import type { RunProgress, RunSummary, SeriesPoints } from '#shared/domain/metric.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import type { RunState } from '#shared/domain/runState.ts';
import type { LabErrorData } from '#shared/errors.ts';
import type { EngineDescription } from '#shared/protocol.ts';

export interface ExperimentRecord {
  id: string;
  name: string;
  document: ExperimentDocument;
  documentHash: string;
  /** ISO 8601, UTC. */
  createdAt: string;
}

/** What a run trained with, so that it can be repeated. */
export interface RunEnvironment {
  appVersion: string;
  appCommit: string | null;
  engine: EngineDescription;
  platform: string;
  processor: string;
  hostName: string | null;
  datasetChecksum: string;
}

export interface RunRecord {
  id: string;
  experimentId: string;
  /** Position in its experiment, from 0. */
  ordinal: number;
  label: string;
  document: RunDocument;
  documentHash: string;
  state: RunState;
  /** Why it failed, diverged, was lost or stopped; null otherwise. */
  error: LabErrorData | null;
  progress: RunProgress | null;
  summary: RunSummary | null;
  environment: RunEnvironment | null;
  /** How often it was queued again after it stopped, failed or was lost. */
  resumeCount: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface CheckpointRecord {
  runId: string;
  step: number;
  /** Absolute path. */
  file: string;
  bytes: number;
  createdAt: string;
}

export interface LogRecord {
  at: string;
  level: 'info' | 'warning' | 'error';
  text: string;
}

export interface ExperimentStore {
  /** Creates the experiment and its runs (state `queued`) in one transaction. */
  create(document: ExperimentDocument, runs: readonly { label: string; document: RunDocument }[]): ExperimentRecord;
  get(id: string): ExperimentRecord | null;
  /** Newest first. */
  list(): ExperimentRecord[];
}

export interface RunFilter {
  experimentId?: string;
  states?: readonly RunState[];
}

export interface RunStore {
  get(id: string): RunRecord | null;
  /** The one run whose id starts with this text; throws `notFound` for none or several. */
  resolve(idOrPrefix: string): RunRecord;
  /** In order of creation. */
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

export interface SeriesSummary {
  series: string;
  count: number;
  firstStep: number;
  lastStep: number;
  lastValue: number;
}

/** Down-sampled points: one bucket stands for `count` raw points. */
export interface SeriesBuckets {
  /** Raw points a bucket; 1 where nothing was down-sampled. */
  pointsPerBucket: number;
  firstSteps: Float64Array;
  lastSteps: Float64Array;
  minimum: Float64Array;
  maximum: Float64Array;
  mean: Float64Array;
}

export interface MetricStore {
  /** Adds points to a run's series; steps ascend within a series. Buffered until `flush`. */
  append(runId: string, series: Record<string, SeriesPoints>): void;
  /** Writes what is buffered; called about once a second and at the end of a run. */
  flush(): void;
  /** Every point. @throws LabError `labDamaged` where a chunk's checksum does not match. */
  read(runId: string, series: string): SeriesPoints;
  /** At most about `maximumBuckets` buckets, from the level that fits; reads little. */
  readBuckets(runId: string, series: string, maximumBuckets: number): SeriesBuckets;
  list(runId: string): SeriesSummary[];
  /** Discards all points with a step above `step`: a run goes on from an older checkpoint. */
  truncateAfter(runId: string, step: number): void;
}

/** Everything in `lab.sqlite`; only main writes it. */
export interface Store {
  readonly experiments: ExperimentStore;
  readonly runs: RunStore;
  readonly metrics: MetricStore;
  close(): void;
}
