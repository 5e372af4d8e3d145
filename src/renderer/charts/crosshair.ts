import type { ChartPanel, ChartPoints } from '#shared/charts/chart.ts';

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

/** Index of a curve's point nearest to a position; −1 where the curve has ended before it or not begun. */
export function pointNear({ x }: ChartPoints, at: number): number {
  const index = nearestIndex(x, at);
  const [first, last] = [x[0], x.at(-1)];
  if (first === undefined || last === undefined) return -1;
  const distance = (last - first) / Math.max(1, x.length - 1);
  return at < first - distance || at > last + distance ? -1 : index;
}

/** Points of the main curves of a panel nearest to a position, in pixels. */
export function crosshairPoints(
  panel: ChartPanel,
  x: number,
  toPixel: (x: number, y: number) => [number, number],
): CrosshairPoint[] {
  return panel.series.flatMap((series, order) => {
    if (series.thin || series.faded) return [];
    const index = pointNear(series.points, x);
    const at = series.points.x[index];
    const value = series.points.y[index];
    if (at === undefined || value === undefined || !Number.isFinite(value)) return [];
    const [left, top] = toPixel(at, value);
    return Number.isFinite(top) ? [{ key: `${order}`, left, top, color: series.style.color }] : [];
  });
}
