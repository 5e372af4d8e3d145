import type { RunState } from '../domain/runState.ts';
import type { SeriesPoints } from '../domain/metric.ts';
import { meanInterval } from '../statistics/tInterval.ts';
import type { ChartStyle } from './chart.ts';
import type { ComparedCurve, ComparedLine } from './comparison.ts';

/** One run's points, and where they lie on the horizontal axis. */
export interface SeedCurve {
  state: RunState;
  points: SeriesPoints;
  /** Position of a step on the axis. */
  position: (step: number) => number;
}

/**
 * The mean over seeds, at the steps where every run has a finite value, with the 95% t-interval of the mean
 * or the range of the seeds; runs that diverged are drawn by themselves beyond that.
 */
export function seedMeanCurve(
  label: string,
  style: ChartStyle,
  curves: readonly SeedCurve[],
  band: 'interval' | 'range',
): ComparedCurve {
  const shown = curves.filter(({ points }) => points.steps.length > 0);
  const lines = shown.map(({ points, position, state }) => ({
    line: { x: Array.from(points.steps, position), y: Array.from(points.values), lower: null, upper: null },
    diverged: state === 'diverged',
  }));
  const mean = shown.length === 1 ? (lines[0]?.line ?? emptyLine) : meanLine(shown, band);
  return { label, style, mean, count: shown.length, runs: lines, faded: false };
}

const emptyLine: ComparedLine = { x: [], y: [], lower: null, upper: null };

function meanLine(curves: readonly SeedCurve[], band: 'interval' | 'range'): ComparedLine {
  const [first] = curves;
  if (first === undefined) return emptyLine;
  const valuesByStep = curves.map(
    ({ points }) => new Map(Array.from(points.steps, (step, index) => [step, points.values[index] ?? Number.NaN])),
  );
  const line = { x: [] as number[], y: [] as number[], lower: [] as number[], upper: [] as number[] };
  for (const step of first.points.steps) {
    const sample = valuesByStep.map((values) => values.get(step) ?? Number.NaN);
    const { mean, halfWidth } = meanInterval(sample);
    if (!Number.isFinite(mean)) continue;
    line.x.push(first.position(step));
    line.y.push(mean);
    line.lower.push(band === 'interval' ? mean - halfWidth : Math.min(...sample));
    line.upper.push(band === 'interval' ? mean + halfWidth : Math.max(...sample));
  }
  return line;
}
