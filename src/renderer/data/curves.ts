import { smoothExponentially } from '#shared/statistics/smoothing.ts';
import { meanInterval } from '#shared/statistics/tInterval.ts';

export type XAxisKind = 'step' | 'epoch' | 'time';
export type BandKind = 'interval' | 'range' | 'none';

/** One run's series with what its other axes need; plain arrays, so that it can go to a worker. */
export interface RunSeries {
  runId: string;
  /** Ascending. */
  steps: Float64Array;
  /** NaN where not finite. */
  values: Float64Array;
  minimum: Float64Array | null;
  maximum: Float64Array | null;
  pointsPerBucket: number;
  /** Null before it is known. */
  stepsPerEpoch: number | null;
  /** Seconds since the run's first step, at some of its steps; empty where not measured. */
  timeSteps: Float64Array;
  timeSeconds: Float64Array;
}

export interface CurveGroup {
  key: string;
  runs: RunSeries[];
}

export interface CurveRequest {
  groups: CurveGroup[];
  xAxis: XAxisKind;
  /** Weight of the exponential moving average a point; 0 is none. */
  smoothing: number;
  band: BandKind;
  /** Curves with more points than this are thinned, keeping each interval's extremes. */
  maximumPoints: number;
}

export interface Line {
  x: number[];
  /** NaN is a gap. */
  y: number[];
  lower: number[] | null;
  upper: number[] | null;
}

export interface GroupCurves {
  key: string;
  /** Mean over the runs that have points, where all of them have a finite one; the run itself where it is one. */
  mean: Line;
  /** Runs in the mean. */
  count: number;
  /** Each run's own line. */
  runs: { runId: string; line: Line }[];
  /** Largest number of raw points in a bucket; 1 where nothing was down-sampled. */
  pointsPerBucket: number;
}

/** Curves ready to be drawn: smoothed on all points held, averaged over seeds, and only then thinned. */
export function computeCurves(request: CurveRequest): GroupCurves[] {
  return request.groups.map((group) => computeGroup(group, request));
}

function computeGroup(group: CurveGroup, request: CurveRequest): GroupCurves {
  const runs = group.runs
    .filter((run) => run.steps.length > 0)
    .map((run) => ({ ...run, values: smooth(run.values, request.smoothing, run.pointsPerBucket) }));
  const lines = runs.map((run) => ({ runId: run.runId, line: runLine(run, request) }));
  const pointsPerBucket = Math.max(1, ...runs.map((run) => run.pointsPerBucket));
  const mean = runs.length > 1 ? meanLine(runs, request) : (lines[0]?.line ?? emptyLine());
  return {
    key: group.key,
    mean: thin(mean, request.maximumPoints),
    count: runs.length,
    runs: lines.map(({ runId, line }) => ({ runId, line: thin(line, request.maximumPoints) })),
    pointsPerBucket,
  };
}

const emptyLine = (): Line => ({ x: [], y: [], lower: null, upper: null });

/** The weight counts points: a bucket of k points advances the average by k of them, aᵏ. */
function smooth(values: Float64Array, weight: number, pointsPerBucket: number): Float64Array {
  return weight === 0 ? values : smoothExponentially(values, weight ** pointsPerBucket);
}

function runLine(run: RunSeries, { xAxis, smoothing, band }: CurveRequest): Line {
  // What a bucket's mean hides stays visible, unless smoothing asked to hide it.
  const envelope = run.pointsPerBucket > 1 && smoothing === 0 && band !== 'none';
  return {
    x: positions(run, run.steps, xAxis),
    y: Array.from(run.values),
    lower: envelope && run.minimum ? Array.from(run.minimum) : null,
    upper: envelope && run.maximum ? Array.from(run.maximum) : null,
  };
}

function meanLine(runs: readonly RunSeries[], { xAxis, band }: CurveRequest): Line {
  const coarsest = Math.max(...runs.map((run) => run.pointsPerBucket));
  const aligned = runs.map((run) => joinEntries(run, Math.max(1, Math.round(coarsest / run.pointsPerBucket))));
  const [first, ...others] = aligned;
  if (!first) return emptyLine();
  const line: Line = { x: [], y: [], lower: band === 'none' ? null : [], upper: band === 'none' ? null : [] };
  const steps: number[] = [];
  const at = others.map(() => 0);
  for (let index = 0; index < first.steps.length; index += 1) {
    const step = first.steps[index] ?? Number.NaN;
    const sample = [first.values[index] ?? Number.NaN];
    others.forEach((other, which) => {
      let position = at[which] ?? 0;
      while (position < other.steps.length && (other.steps[position] ?? 0) < step) position += 1;
      at[which] = position;
      if (other.steps[position] === step) sample.push(other.values[position] ?? Number.NaN);
    });
    if (sample.length < aligned.length || !sample.every(Number.isFinite)) continue;
    const { mean, halfWidth } = meanInterval(sample);
    steps.push(step);
    line.y.push(mean);
    line.lower?.push(band === 'interval' ? mean - halfWidth : Math.min(...sample));
    line.upper?.push(band === 'interval' ? mean + halfWidth : Math.max(...sample));
  }
  const each = aligned.map((run) => positions(run, steps, xAxis));
  line.x = steps.map((_, index) => each.reduce((sum, x) => sum + (x[index] ?? Number.NaN), 0) / each.length);
  return line;
}

/** Joins each `count` consecutive entries, so that runs with different bucket sizes share their steps. */
function joinEntries(run: RunSeries, count: number): RunSeries {
  if (count === 1) return run;
  const length = Math.floor(run.steps.length / count);
  const steps = new Float64Array(length);
  const values = new Float64Array(length);
  for (let index = 0; index < length; index += 1) {
    const end = (index + 1) * count;
    steps[index] = run.steps[end - 1] ?? Number.NaN;
    values[index] = run.values.subarray(end - count, end).reduce((sum, value) => sum + value, 0) / count;
  }
  return { ...run, steps, values, minimum: null, maximum: null, pointsPerBucket: run.pointsPerBucket * count };
}

/** Where steps lie on an axis; NaN where that is not known. */
function positions(run: RunSeries, steps: ArrayLike<number>, xAxis: XAxisKind): number[] {
  if (xAxis === 'step') return Array.from(steps);
  if (xAxis === 'epoch') {
    const { stepsPerEpoch } = run;
    return Array.from(steps, (step) => (stepsPerEpoch ? step / stepsPerEpoch : Number.NaN));
  }
  return interpolateTimes(run.timeSteps, run.timeSeconds, steps);
}

/** Seconds at steps, linear between measurements and from 0 at step 0; after the last at its latest pace. */
function interpolateTimes(timeSteps: Float64Array, timeSeconds: Float64Array, steps: ArrayLike<number>): number[] {
  const result: number[] = [];
  const last = timeSteps.length - 1;
  let next = 0;
  for (let index = 0; index < steps.length; index += 1) {
    const step = steps[index] ?? Number.NaN;
    while (next < last && (timeSteps[next] ?? 0) < step) next += 1;
    const rightStep = timeSteps[next] ?? Number.NaN;
    const rightSeconds = timeSeconds[next] ?? Number.NaN;
    const leftStep = next > 0 ? (timeSteps[next - 1] ?? 0) : 0;
    const leftSeconds = next > 0 ? (timeSeconds[next - 1] ?? 0) : 0;
    const pace = (rightSeconds - leftSeconds) / Math.max(1, rightStep - leftStep);
    result.push(leftSeconds + (step - leftStep) * pace);
  }
  return result;
}

/** Keeps, of each interval of consecutive points, its ends' smallest and largest, in their order. */
function thin(line: Line, maximumPoints: number): Line {
  const { x, y } = line;
  if (x.length <= maximumPoints || maximumPoints < 4) return line;
  const interval = Math.ceil(x.length / Math.floor(maximumPoints / 2));
  const kept: number[] = [];
  for (let start = 0; start < x.length; start += interval) {
    const end = Math.min(x.length, start + interval);
    let smallest = start;
    let largest = start;
    for (let index = start; index < end; index += 1) {
      const value = y[index] ?? Number.NaN;
      if (value < (y[smallest] ?? Number.NaN) || Number.isNaN(y[smallest])) smallest = index;
      if (value > (y[largest] ?? Number.NaN) || Number.isNaN(y[largest])) largest = index;
    }
    kept.push(Math.min(smallest, largest));
    if (smallest !== largest) kept.push(Math.max(smallest, largest));
  }
  const lastIndex = x.length - 1;
  if (kept.at(-1) !== lastIndex) kept.push(lastIndex);
  const pick = (values: readonly number[]): number[] => kept.map((index) => values[index] ?? Number.NaN);
  return { x: pick(x), y: pick(y), lower: line.lower && pick(line.lower), upper: line.upper && pick(line.upper) };
}
