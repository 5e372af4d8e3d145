import type { LabErrorData } from '../errors.ts';
import type { EngineDescription } from '../protocol.ts';
import type { RunProgress, RunSummary } from './metric.ts';
import type { RunDocument } from './run.ts';
import type { RunState } from './runState.ts';

/** What a run trained with, so that it can be repeated. */
export interface RunEnvironment {
  appVersion: string;
  appCommit: string | null;
  engine: EngineDescription;
  platform: string;
  processor: string;
  /** Logical cores and memory; absent in runs of earlier versions. */
  cores?: number;
  memoryBytes?: number;
  /** Null where the lab does not record it. */
  hostName: string | null;
  datasetChecksum: string;
}

/** A run as a lab keeps it. */
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
  /** How often recorded points were discarded because the run went on from an older checkpoint. */
  metricsRevision: number;
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

export interface SeriesSummary {
  series: string;
  count: number;
  firstStep: number;
  lastStep: number;
  lastValue: number;
}
