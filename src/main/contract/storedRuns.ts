import type { RunOverview, StoredPoints, StoredRun } from '#shared/contract.ts';
import type { JudgedCheckpoint } from '#shared/domain/checkpoint.ts';
import type { RunState } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import { listCheckpoints } from '../runs/checkpointFiles.ts';
import type { ExperimentRecord, LogRecord, MetricStore, RunFilter, RunRecord, Store } from '../store/store.ts';
import { toRunListItem } from './records.ts';

/** Where runs are read: a lab, whose records are those of now, or its store alone. */
export interface RunSource {
  readonly runs: {
    list(filter?: RunFilter): RunRecord[];
    /** @throws LabError `notFound`. */
    get(idOrPart: string): RunRecord;
    log(runId: string): LogRecord[];
    checkpoints(runId: string): JudgedCheckpoint[];
  };
  readonly experiments: { list(): ExperimentRecord[]; get(id: string): ExperimentRecord | null };
  readonly store: { readonly metrics: Pick<MetricStore, 'read' | 'readReadable' | 'list' | 'revision'> };
}

export function runSourceOfStore(store: Store, labDirectory: string): RunSource {
  const { runs, experiments } = store;
  return {
    runs: {
      list: (filter) => runs.list(filter),
      get: (idOrPart) => runs.resolve(idOrPart),
      log: (runId) => runs.listLog(runId),
      checkpoints: (runId) => listCheckpoints(store, labDirectory, runs.resolve(runId)),
    },
    experiments,
    store,
  };
}

export interface RunQuery {
  ids?: readonly string[] | undefined;
  states?: readonly RunState[] | undefined;
}

/**
 * Runs named by their own id or by their experiment's, each once, in order of creation; all where none is named.
 * @throws LabError `notFound` where a name is that of none, or of several.
 */
export function findRuns(source: RunSource, { ids, states }: RunQuery): RunRecord[] {
  const runs = ids === undefined ? source.runs.list() : findNamedRuns(source, ids);
  return states === undefined ? runs : runs.filter((run) => states.includes(run.state));
}

/** Fewer characters name something by accident: all ids of a year begin alike, and every lab has a first run. */
const shortestPart = 4;

function findNamedRuns(source: RunSource, ids: readonly string[]): RunRecord[] {
  const found = new Map<string, RunRecord>();
  const experiments = source.experiments.list();
  for (const id of ids) {
    const [experiment, ...others] = experiments.filter((candidate) => candidate.id.startsWith(id));
    if (others.length > 0) {
      throw new LabError(
        'notFound',
        `“${id}” begins the ids of ${others.length + 1} experiments.`,
        'Write more of it.',
      );
    }
    const runs = experiment === undefined ? [source.runs.get(id)] : source.runs.list({ experimentId: experiment.id });
    if (id.trim().length < shortestPart) {
      throw new LabError(
        'notFound',
        `“${id}” is too short to name a run or an experiment.`,
        `Write at least ${shortestPart} characters of its id.`,
      );
    }
    for (const run of runs) found.set(run.id, run);
  }
  return [...found.values()].sort((left, right) => (left.id < right.id ? -1 : 1));
}

/** Makes overviews of runs; looks up each experiment once. */
export function createOverviewer(source: RunSource): (run: RunRecord) => RunOverview {
  const names = new Map<string, string>();
  const nameOf = (id: string): string => {
    const name = names.get(id) ?? source.experiments.get(id)?.name ?? '';
    names.set(id, name);
    return name;
  };
  return (run) => ({
    ...toRunListItem({ lab: source }, run),
    experimentName: nameOf(run.experimentId),
    documentHash: run.documentHash,
    resumeCount: run.resumeCount,
    engine: run.environment?.engine.title ?? null,
  });
}

/** @throws LabError `notFound`, also where the text begins several ids. */
export function readStoredRun(source: RunSource, idOrPart: string): StoredRun {
  const run = source.runs.get(idOrPart);
  return {
    ...run,
    checkpoints: source.runs.checkpoints(run.id),
    log: source.runs.log(run.id),
    series: source.store.metrics.list(run.id),
  };
}

/** @throws LabError `labDamaged` where a chunk's checksum does not match and nothing may be missing. */
export function readStoredPoints(
  source: RunSource,
  runId: string,
  series: string,
  { allowMissing }: { allowMissing: boolean },
): StoredPoints {
  const { metrics } = source.store;
  const { steps, values, missing } = allowMissing
    ? metrics.readReadable(runId, series)
    : { ...metrics.read(runId, series), missing: [] };
  return { runId, series, steps: toBase64(steps), values: toBase64(values), missing };
}

function toBase64(numbers: Float64Array): string {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('base64');
}
