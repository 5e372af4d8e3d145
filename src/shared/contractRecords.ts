/** What the methods of the contract answer with, and what they keep: plain JSON. */
import { z } from 'zod';
import type { JudgedCheckpoint } from './domain/checkpoint.ts';
import type { ExpandedRun, ExperimentDocument } from './domain/experiment.ts';
import type { MachineHealth } from './domain/machineHealth.ts';
import type { MissingSteps, RunProgress, RunSummary } from './domain/metric.ts';
import { maximumTrainersAtOnce, type QueueSettings, type QueueWait, type RunPriority } from './domain/queue.ts';
import type { RunDocument } from './domain/run.ts';
import type { LogRecord, RunRecord, SeriesSummary } from './domain/runRecord.ts';
import type { RunState } from './domain/runState.ts';
import type { LabErrorData } from './errors.ts';
import { methodCheckSchema, type EngineDescription } from './protocol.ts';

export interface MachineDescription {
  appVersion: string;
  labDirectory: string;
  door: 'desktop' | 'web' | 'cli';
  /** True where the host can show an open dialog and save dialogs of its own. */
  hasDialogs: boolean;
  /** Why the lab is open for reading only, and what to do; null where it can be changed. */
  readOnly: LabErrorData | null;
  processor: string;
  cores: number;
  memoryBytes: number;
  freeMemoryBytes: number;
  diskFreeBytes: number;
  notices: LabErrorData[];
}

/** How the machine is, and what to do before it stops runs. */
export interface MachineStatus {
  health: MachineHealth;
  /** A disk that what is queued will not fit on. */
  warnings: LabErrorData[];
}

/** The backup that was made last by the lab itself. */
export const lastBackupSchema = z.strictObject({
  file: z.string(),
  bytes: z.number(),
  runs: z.number(),
  madeAt: z.string(),
  /** What is damaged in the lab, and so in its backup. */
  damaged: z.array(z.string()),
});
export type LastBackup = z.infer<typeof lastBackupSchema>;

/** What the last repair of the lab's database came to. */
export const lastRepairSchema = z.strictObject({
  madeAt: z.string(),
  /** What was found damaged, one sentence each; empty where nothing was. */
  found: z.array(z.string()),
  /** What was saved into a new database; null where nothing had to be. */
  saved: z
    .strictObject({
      experiments: z.number(),
      runs: z.number(),
      /** What was lost or may be incomplete, one sentence each. */
      lost: z.array(z.string()),
      /** The damaged database. */
      keptFile: z.string(),
    })
    .nullable(),
});
export type LastRepair = z.infer<typeof lastRepairSchema>;

export interface LabDescription {
  directory: string;
  lastBackup: LastBackup | null;
  /** Where a backup may go. */
  suggestedBackupFile: string;
  /** Where runs may go that are exported. */
  suggestedRunsFile: string;
  /** Where a backup may be restored: a folder that is not there. */
  suggestedRestoreDirectory: string;
  lastRepair: LastRepair | null;
  /** What is damaged in its database, and what to do. */
  damaged: LabErrorData[];
}

export interface EngineListItem {
  id: string;
  title: string;
  state: 'ready' | 'installable' | 'unavailable';
  reason: string;
  chosen: boolean;
  bytes: number | null;
  description: EngineDescription | null;
}

/** How well an engine of this machine computes every method. */
export const engineCheckSchema = z.strictObject({
  /** Title of the engine, with device and threads. */
  engine: z.string(),
  checkedAt: z.string(),
  ok: z.boolean(),
  checks: z.array(methodCheckSchema),
});
export type EngineCheck = z.infer<typeof engineCheckSchema>;

/** How far reference runs of another program are from their repetition on this machine. */
export const parityReportSchema = z.strictObject({
  path: z.string(),
  engine: z.string(),
  checkedAt: z.string(),
  ok: z.boolean(),
  records: z.array(
    z.strictObject({
      fixture: z.string(),
      mode: z.enum(['eager', 'compiled']),
      operations: z.enum(['composed', 'fused']),
      ok: z.boolean(),
      /** Largest error of each kind; null where it is no number. */
      measures: z.array(z.strictObject({ kind: z.string(), error: z.number().nullable(), tolerance: z.number() })),
      /** Why it could not be run. */
      problem: z.string().nullable(),
    }),
  ),
});
export type ParityReport = z.infer<typeof parityReportSchema>;

/** A job that takes longer than a call should: an import, an installation. */
export interface JobRecord {
  id: string;
  kind:
    | 'backupLab'
    | 'restoreLab'
    | 'repairLab'
    | 'exportRuns'
    | 'importRuns'
    | 'importDataset'
    | 'exampleDataset'
    | 'installEngine'
    | 'checkMethods'
    | 'checkParity';
  title: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  phase: string;
  done: number;
  /** Null where unknown. */
  total: number | null;
  unit: 'bytes' | 'images' | 'steps' | 'checks';
  secondsLeft: number | null;
  /** Id of what it made, a data set or an engine; the folder of a restored lab; null where it made a report. */
  result: string | null;
  error: LabErrorData | null;
}

export interface RunListItem {
  id: string;
  experimentId: string;
  ordinal: number;
  label: string;
  methodId: string;
  batchSize: number;
  seed: number;
  state: RunState;
  error: LabErrorData | null;
  progress: RunProgress | null;
  summary: RunSummary | null;
  /** Changes when recorded points were discarded (the run went on from an older checkpoint). */
  metricsRevision: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface RunDetail extends RunListItem {
  document: RunDocument;
  documentHash: string;
  environment: Record<string, unknown> | null;
  /** Newest first. */
  checkpoints: Omit<JudgedCheckpoint, 'runId' | 'file'>[];
  log: { at: string; level: 'info' | 'warning' | 'error'; text: string }[];
}

/** A run as command lines list it: without its document. */
export interface RunOverview extends RunListItem {
  experimentName: string;
  documentHash: string;
  resumeCount: number;
  /** Title of the engine that trained it; null where none did yet. */
  engine: string | null;
}

/** All that a lab keeps about a run, but its points. */
export interface StoredRun extends RunRecord {
  /** Newest first. */
  checkpoints: JudgedCheckpoint[];
  log: LogRecord[];
  /** Numbers that are not finite are null here, as JSON has it. */
  series: SeriesSummary[];
}

/** What an archive of runs added to the lab. */
export interface ImportedRuns {
  runs: {
    /** Its id in the archive. */
    from: string;
    id: string;
    /** `there`: this very run was here already, and is as it was. */
    outcome: 'added' | 'addedUnderNewId' | 'there';
  }[];
  /** Data sets that runs were made with and this lab does not have: these runs can be looked at, but not resumed. */
  missingDatasets: string[];
}

/** Every point of one series, exactly: little-endian float64 in base64. */
export interface StoredPoints {
  runId: string;
  series: string;
  steps: string;
  values: string;
  /** Where points are missing because their part of the database is damaged; empty unless they were allowed to be. */
  missing: MissingSteps[];
}

/** A run that an experiment would have, pinned to the exact data. */
export interface PlannedRun extends ExpandedRun {
  stepsPerEpoch: number;
  totalSteps: number;
}

/** How the download of an engine goes that a run waits for. */
export interface EngineProgress {
  /** In words. */
  phase: string;
  doneBytes: number;
  /** Null where unknown. */
  totalBytes: number | null;
  bytesPerSecond: number | null;
  secondsLeft: number | null;
}

export interface ExperimentListItem {
  id: string;
  name: string;
  createdAt: string;
  archivedAt: string | null;
  methodIds: string[];
  seeds: number[];
  datasetId: string;
  runs: RunListItem[];
}

export interface ExperimentDetail extends ExperimentListItem {
  document: ExperimentDocument;
}

/** An experiment that is sure to have the runs that were asked for. */
export interface EnsuredExperiment {
  experiment: ExperimentDetail;
  /** Ids of the runs that were asked for; the experiment may have other seeds. */
  runIds: string[];
  /** How many of them are new. */
  added: number;
}

/** What a run's series come to. */
export interface FinalValues {
  runId: string;
  /** Mean of the last evaluations, by series; null where there is none or where it is not finite. */
  values: Record<string, FinalValue>;
}

export interface FinalValue {
  value: number | null;
  evaluations: number;
  /** Why there is no value: a damaged series. */
  error?: LabErrorData;
}

/** What an experiment would be, before it is started. */
export interface ExperimentPreview {
  /**
   * Every problem, by its path in the experiment document (`name`, `seeds`, `base.batchSize`,
   * `vary.0.values.1`); empty where it can start.
   */
  problems: { path: string; message: string }[];
  /** What is allowed but probably not meant. */
  warnings: string[];
  runs: { label: string; seed: number; totalSteps: number }[];
  parameterCount: number | null;
  /** From speeds measured on this machine, null before the first run. */
  estimatedSeconds: number | null;
  estimatedMemoryBytes: number | null;
  /** Stack of layers, with the shape behind each. */
  layers: { name: string; type: string; outputShape: number[]; normalizable: boolean; normalized: boolean }[];
  /** Learning rate at up to 200 steps of the base run. */
  schedule: { step: number; learningRate: number }[];
}

export interface DatasetPreview {
  height: number;
  width: number;
  channels: number;
  images: {
    index: number;
    label: number;
    /** uint8 pixels, base64, row-major height, width, channels. */ pixels: string;
  }[];
}

export interface DatasetInspection {
  reader: string;
  suggestedName: string;
  image: { height: number; width: number; channels: number };
  classNames: string[];
  training: { count: number; classCounts: number[] };
  validation: { count: number; classCounts: number[] };
  preview: DatasetPreview;
  notes: string[];
}

/**
 * Points of one series after a step, down-sampled where there are more than asked for. To extend what
 * it holds, a client drops its entries after the `afterStep` that it asked with and appends these.
 */
export interface SeriesSlice {
  runId: string;
  series: string;
  metricsRevision: number;
  /** True where the client must drop all it holds: another revision, or another bucket size. */
  replace: boolean;
  /** Raw points a bucket; 1 where nothing was down-sampled. */
  pointsPerBucket: number;
  /** Last step of the last bucket that will not change any more: the next `afterStep`. */
  completeThrough: number;
  /** Last step of each bucket. */
  steps: number[];
  /** Mean of each bucket; null stands for a value that is not finite. */
  values: (number | null)[];
  /** Smallest and largest finite value of each bucket; absent where `pointsPerBucket` is 1. */
  minimum?: (number | null)[];
  maximum?: (number | null)[];
  /** Why the series, or the part of it that is empty here, cannot be read. */
  error?: LabErrorData;
}

export const queueSettingsSchema: z.ZodObject<{ [Key in keyof QueueSettings]: z.ZodType<QueueSettings[Key]> }> =
  z.strictObject({
    paused: z.boolean(),
    trainersAtOnce: z.int().min(1).max(maximumTrainersAtOnce),
    startWhenIdle: z.boolean(),
  });

export interface QueueState {
  running: string[];
  /** In the order in which they start. */
  queued: string[];
  /** Runs that were queued when the lab was closed: they wait until someone starts them. */
  unstarted: string[];
  /** Runs that trained when an owner of the lab was ended, and were not resumed since. */
  interrupted: string[];
  settings: QueueSettings;
  /** What the next run waits for although fewer train than may. */
  waitsFor: QueueWait | null;
  /** For everything in the queue; null where the speed of some run is not known. */
  secondsLeft: number | null;
  /** Why no further run is started, where that is so: a full disk. */
  halted?: LabErrorData | null;
}

/** A run in the queue, or one that is paused. */
export interface QueueEntry {
  runId: string;
  experimentId: string;
  experimentName: string;
  priority: RunPriority;
  /** What it will still take; null where the speed of such a run is not known. */
  secondsLeft: number | null;
  /** Until it starts, as far as the runs before it are known; null for those that train, are paused or not started. */
  startsInSeconds: number | null;
}
