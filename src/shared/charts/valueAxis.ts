import { formatChartNumber, type ChartAxis, type ChartSeries } from './chart.ts';

/** Range and labelled values of a linear axis. */
export interface ValueAxis {
  range: readonly [number, number];
  labels: number[];
}

/**
 * Smallest and largest finite value of curves and bands.
 * @param xRange Only where the horizontal axis is seen; where nothing is there, all of it counts.
 * @param positive Counts values above zero only.
 * @returns Null where there is none.
 */
export function visibleExtent(
  series: readonly ChartSeries[],
  xRange?: readonly [number, number],
  positive = false,
): [least: number, most: number] | null {
  const [from, to] = xRange ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  const take = (value: number | undefined): void => {
    if (value === undefined || !Number.isFinite(value) || (positive && value <= 0)) return;
    least = Math.min(least, value);
    most = Math.max(most, value);
  };
  for (const { points, band } of series) {
    points.x.forEach((x, index) => {
      if (x < from || x > to) return;
      take(points.y[index]);
      take(band?.lower[index]);
      take(band?.upper[index]);
    });
  }
  if (least <= most) return [least, most];
  return xRange === undefined ? null : visibleExtent(series, undefined, positive);
}

/** The step of 1, 2 or 5 times a power of ten that divides a length into about as many parts as asked for. */
function niceStep(length: number, parts: number): number {
  const power = Math.floor(Math.log10(length / parts));
  const fraction = length / parts / 10 ** power;
  // The nearest by ratio.
  const mantissa = fraction < Math.SQRT2 ? 1 : fraction < Math.sqrt(10) ? 2 : fraction < Math.sqrt(50) ? 5 : 10;
  return Number(`${mantissa}e${power}`);
}

/**
 * A linear axis around its data that ends at round numbers, with labels at equal distances; it does not
 * go beyond what the quantity can be, even where an interval does.
 * @param extent Smallest and largest value.
 * @param parts About how many distances between labels.
 */
export function valueAxis(extent: readonly [number, number], parts: number, bounds?: ChartAxis['bounds']): ValueAxis {
  let [least, most] = extent;
  if (most - least <= 1e-12 * Math.max(Math.abs(least), Math.abs(most))) {
    const half = least === 0 ? 0.5 : Math.abs(least) / 10;
    [least, most] = [least - half, most + half];
  }
  least = Math.max(least, bounds?.[0] ?? Number.NEGATIVE_INFINITY);
  most = Math.min(most, bounds?.[1] ?? Number.POSITIVE_INFINITY);
  const step = niceStep(most - least, parts);
  const [first, last] = [Math.floor(least / step + 1e-9), Math.ceil(most / step - 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
  const every = Math.ceil(ticks.length / (2 * parts));
  return {
    range: [ticks[0] ?? least, ticks.at(-1) ?? most],
    labels: ticks.filter((_, index) => (first + index) % every === 0),
  };
}

/**
 * Labels of one axis with all the digits that tell them apart: long numbers as powers of ten, on a linear
 * axis all of them in the notation of the largest.
 */
export function formatTicks(
  labels: readonly number[],
  { format, scale }: Pick<ChartAxis, 'format' | 'scale'>,
): string[] {
  const factor = format === 'percent' ? 100 : 1;
  const largest = factor * Math.max(0, ...labels.map(Math.abs));
  return labels.map((value) => {
    const magnitude = scale === 'log' ? factor * Math.abs(value) : largest;
    if (value === 0 || (magnitude >= 1e-3 && magnitude < (scale === 'log' ? 1e5 : 1e6)))
      return formatChartNumber(value, format, 12);
    const power = Math.abs(Number((factor * value).toPrecision(12))).toExponential();
    return `${value < 0 ? '−' : ''}${power.replace('e+', 'e')}`;
  });
}
