import type { ChartPanel } from '#shared/charts/chart.ts';

export interface CrosshairPoint {
  key: string;
  left: number;
  top: number;
  color: string;
}

/** Index of the entry nearest to a value in an ascending list; −1 in an empty one. */
export function nearestIndex(ascending: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  if (high < 0) return -1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  const above = ascending[low] ?? Number.NaN;
  const below = ascending[low - 1];
  return below !== undefined && value - below < above - value ? low - 1 : low;
}

/** Points of the main curves of a panel nearest to a position, in pixels. */
export function crosshairPoints(
  panel: ChartPanel,
  x: number,
  toPixel: (x: number, y: number) => [number, number],
): CrosshairPoint[] {
  return panel.series.flatMap((series, order) => {
    if (series.thin || series.faded) return [];
    const index = nearestIndex(series.points.x, x);
    const at = series.points.x[index];
    const value = series.points.y[index];
    if (at === undefined || value === undefined || !Number.isFinite(value)) return [];
    // A curve that ended before here has nothing to say here.
    const end = series.points.x.at(-1) ?? at;
    const step = (end - (series.points.x[0] ?? 0)) / Math.max(1, series.points.x.length - 1);
    if (x > end + step) return [];
    const [left, top] = toPixel(at, value);
    return Number.isFinite(top) ? [{ key: `${order}`, left, top, color: series.style.color }] : [];
  });
}
