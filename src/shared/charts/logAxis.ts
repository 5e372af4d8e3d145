import type { ChartSeries } from './chart.ts';

/** Range and labelled values of a logarithmic axis. */
export interface LogAxis {
  range: readonly [number, number];
  labels: number[];
}

const mantissas = [1, 2, 5] as const;

/** 1, 2 and 5 times the powers of ten from one power to another. */
function ladder(fromPower: number, toPower: number): number[] {
  const values: number[] = [];
  // Written and read, because powers of ten by multiplication carry rounding errors: 0.30000000000000004.
  for (let power = fromPower; power <= toPower; power += 1) {
    for (const mantissa of mantissas) values.push(Number(`${mantissa}e${power}`));
  }
  return values;
}

/**
 * A logarithmic axis that ends at 1, 2 or 5 times a power of ten around its positive data, instead of
 * at powers of ten far from them; labels are of that kind too, thinned to powers over many decades.
 * @returns Null where nothing is positive.
 */
export function logAxis(series: readonly ChartSeries[]): LogAxis | null {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  const take = (value: number): void => {
    if (!(value > 0) || !Number.isFinite(value)) return;
    least = Math.min(least, value);
    most = Math.max(most, value);
  };
  for (const { points, band } of series) {
    points.y.forEach(take);
    band?.lower.forEach(take);
    band?.upper.forEach(take);
  }
  if (most === 0) return null;
  const steps = ladder(Math.floor(Math.log10(least)) - 1, Math.ceil(Math.log10(most)) + 1);
  const start = steps.findLast((value) => value <= least) ?? least;
  const end = steps.find((value) => value >= most && value > start) ?? most;
  const between = steps.filter((value) => value >= start && value <= end);
  const decades = Math.log10(end / start);
  const labels = decades <= 3 ? between : between.filter((value) => Number.isInteger(Math.log10(value)));
  return { range: [start, end], labels };
}
