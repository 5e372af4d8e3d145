import type { RunListItem } from '#shared/contract.ts';
import type { ComparedMetric } from '#shared/charts/comparedMetrics.ts';
import { isActive, type RunState } from '#shared/domain/runState.ts';
import { meanInterval } from '#shared/statistics/tInterval.ts';
import { prominentState } from './stateText.ts';

export interface LegendRow {
  key: string;
  /** Runs that have points of this quantity, and runs in all. */
  count: number;
  total: number;
  state: { state: RunState; count: number } | null;
  /** Mean over seeds of each run's latest value. */
  last: number | null;
  /** Mean over seeds of each run's best value. */
  best: number | null;
  /** Half-width of the 95% t-interval of `best` (of `last` where no direction is good); null below two seeds. */
  halfWidth: number | null;
  /** Images a second of runs that are active; else the mean of what finished runs came to. */
  samplesPerSecond: number | null;
  secondsLeft: number | null;
  /** Progress of all its runs together, 0 to 1. */
  fraction: number;
}

interface LegendInput {
  key: string;
  runs: readonly RunListItem[];
  /** What is held of each run's series, and its extremes on the good side where points were joined. */
  values: readonly { values: Float64Array; extremes: Float64Array | null }[];
  better: ComparedMetric['better'];
}

/** What the legend says of one curve. */
export function legendRow({ key, runs, values, better }: LegendInput): LegendRow {
  const held = values.filter((each) => each.values.length > 0);
  const lasts = held.flatMap((each) => each.values.findLast(Number.isFinite) ?? []);
  const bests = better === null ? [] : held.flatMap((each) => extreme(each.extremes ?? each.values, better) ?? []);
  const spread = better === null ? lasts : bests;
  const { halfWidth } = meanInterval(spread);
  const active = runs.filter((run) => isActive(run.state));
  const speeds = active.flatMap((run) => run.progress?.samplesPerSecond ?? []);
  const finalSpeeds = runs.flatMap((run) => run.summary?.samplesPerSecond ?? []);
  const left = active.flatMap((run) => run.progress?.secondsLeft ?? []);
  return {
    key,
    count: held.length,
    total: runs.length,
    state: prominentState(runs.map((run) => run.state)),
    last: mean(lasts),
    best: mean(bests),
    halfWidth: Number.isFinite(halfWidth) ? halfWidth : null,
    samplesPerSecond: active.length > 0 ? mean(speeds) : mean(finalSpeeds),
    secondsLeft: left.length > 0 ? Math.max(...left) : null,
    fraction: mean(runs.map(runFraction)) ?? 0,
  };
}

/** How much of a run is done, 0 to 1. */
export function runFraction(run: RunListItem): number {
  if (run.state === 'done' || run.state === 'diverged') return 1;
  return run.progress ? run.progress.step / run.progress.totalSteps : 0;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function extreme(values: Float64Array, better: 'lower' | 'higher'): number | null {
  let result = Number.NaN;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (Number.isNaN(result) || (better === 'lower' ? value < result : value > result)) result = value;
  }
  return Number.isNaN(result) ? null : result;
}
