import type { RunListItem, RunOverview } from '#shared/contract.ts';
import type { LabErrorData } from '#shared/errors.ts';
import { formatDuration, formatLoss, formatPercent, formatRate, formatTable } from './format.ts';

/** A run as results and lists show it: everything but curves and the whole document. */
export function summarizeRun(run: RunOverview): Record<string, unknown> {
  return {
    id: run.id,
    experimentId: run.experimentId,
    label: run.label,
    method: run.methodId,
    batchSize: run.batchSize,
    seed: run.seed,
    state: run.state,
    error: withoutCause(run.error),
    summary: run.summary,
    progress: run.progress,
    engine: run.engine,
    documentHash: run.documentHash,
    resumeCount: run.resumeCount,
    createdAt: run.createdAt,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
  };
}

/** A failure as results show it: its raw cause is for the log. */
export function withoutCause(error: LabErrorData | null): Omit<LabErrorData, 'cause'> | null {
  return error === null ? null : { code: error.code, message: error.message, hint: error.hint };
}

/** What the table shows of a run. */
export type TableRow = Pick<RunListItem, 'id' | 'label' | 'seed' | 'state' | 'summary' | 'progress'>;

/** The table at the end of training and of `runs list`. */
export function formatRunTable(runs: readonly TableRow[]): string {
  return formatTable(runs, [
    { title: 'run', value: (run) => run.id },
    { title: 'what', value: (run) => run.label },
    { title: 'seed', value: (run) => String(run.seed), align: 'right' },
    { title: 'state', value: (run) => run.state },
    { title: 'steps', value: (run) => String(run.summary?.steps ?? run.progress?.step ?? 0), align: 'right' },
    { title: 'training loss', value: (run) => formatLoss(run.summary?.trainLoss ?? null), align: 'right' },
    { title: 'validation loss', value: (run) => formatLoss(latest(run, 'validationLoss')), align: 'right' },
    { title: 'accuracy', value: (run) => formatPercent(latest(run, 'validationAccuracy')), align: 'right' },
    {
      title: 'samples/s',
      value: (run) => formatRate(run.summary?.samplesPerSecond ?? run.progress?.samplesPerSecond ?? null),
      align: 'right',
    },
    { title: 'time', value: (run) => formatDuration(run.summary?.durationSeconds ?? null), align: 'right' },
  ]);
}

function latest(run: TableRow, key: 'validationLoss' | 'validationAccuracy'): number | null {
  return run.summary?.[key] ?? run.progress?.[key] ?? null;
}

export interface ComparisonRow {
  label: string;
  /** Runs that came to their end, and all. */
  finished: number;
  runs: number;
  validationLoss: Estimate;
  validationAccuracy: Estimate;
  bestValidationAccuracy: Estimate;
  /** Validation loss − training loss. */
  gap: Estimate;
  samplesPerSecond: Estimate;
}

/** Mean and sample standard deviation over runs; null where there are too few. */
export interface Estimate {
  mean: number | null;
  standardDeviation: number | null;
  count: number;
}

export function estimate(values: readonly (number | null | undefined)[]): Estimate {
  const known = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  const count = known.length;
  if (count === 0) return { mean: null, standardDeviation: null, count };
  const mean = known.reduce((sum, value) => sum + value, 0) / count;
  const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, standardDeviation: count < 2 ? null : Math.sqrt(variance), count };
}

/** One row a label: runs that differ in seed only are averaged; diverged and unfinished ones are counted, not averaged. */
export function compareRuns(runs: readonly Pick<RunListItem, 'label' | 'state' | 'summary'>[]): ComparisonRow[] {
  return [...Map.groupBy(runs, (run) => run.label)].map(([label, group]) => {
    const summaries = group.flatMap((run) => (run.state === 'done' && run.summary !== null ? [run.summary] : []));
    return {
      label,
      finished: summaries.length,
      runs: group.length,
      validationLoss: estimate(summaries.map((summary) => summary.validationLoss)),
      validationAccuracy: estimate(summaries.map((summary) => summary.validationAccuracy)),
      bestValidationAccuracy: estimate(summaries.map((summary) => summary.bestValidationAccuracy)),
      gap: estimate(
        summaries.map(({ validationLoss, trainLoss }) =>
          validationLoss === null || trainLoss === null ? null : validationLoss - trainLoss,
        ),
      ),
      samplesPerSecond: estimate(summaries.map((summary) => summary.samplesPerSecond)),
    };
  });
}

export function formatComparison(rows: readonly ComparisonRow[]): string {
  const show = ({ mean, standardDeviation }: Estimate, format: (value: number | null) => string): string =>
    standardDeviation === null ? format(mean) : `${format(mean)} ± ${format(standardDeviation)}`;
  return formatTable(rows, [
    { title: 'what', value: (row) => row.label },
    {
      title: 'runs',
      value: (row) => (row.finished === row.runs ? String(row.runs) : `${row.finished} of ${row.runs}`),
    },
    { title: 'validation loss', value: (row) => show(row.validationLoss, formatLoss), align: 'right' },
    { title: 'accuracy', value: (row) => show(row.validationAccuracy, formatPercent), align: 'right' },
    { title: 'best accuracy', value: (row) => show(row.bestValidationAccuracy, formatPercent), align: 'right' },
    { title: 'gap', value: (row) => show(row.gap, formatLoss), align: 'right' },
    { title: 'samples/s', value: (row) => show(row.samplesPerSecond, formatRate), align: 'right' },
  ]);
}
