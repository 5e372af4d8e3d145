import type { CustomSeriesOption, CustomSeriesRenderItemReturn } from 'echarts';
import type { ChartSeries } from './chart.ts';

/**
 * A band as polygons, one for each stretch without gaps. ECharts has no band series, and stacking two
 * areas breaks on logarithmic axes and on values of both signs.
 * @returns Null where the series has no band.
 */
export function bandSeries(series: ChartSeries, axisIndex: number, logarithmic: boolean): CustomSeriesOption | null {
  if (series.band === null) return null;
  const { x } = series.points;
  const { lower, upper } = series.band;
  const stretches = finiteStretches(x, lower, upper);
  if (stretches.length === 0) return null;
  return {
    type: 'custom',
    name: series.label,
    xAxisIndex: axisIndex,
    yAxisIndex: axisIndex,
    animation: false,
    silent: true,
    clip: true,
    z: 1,
    // The axis must make room for the band; a logarithmic one has none for values of 0 and below.
    encode: { x: 0, y: [1, 2] },
    data: x.map((at, index) => {
      const low = lower[index] ?? Number.NaN;
      return [at, logarithmic && low <= 0 ? '-' : finiteOrGap(low), finiteOrGap(upper[index])];
    }),
    // One item draws all: an item a point would cost as many shapes as there are points.
    renderItem(parameters, api): CustomSeriesRenderItemReturn {
      if (parameters.dataIndexInside !== 0) return null;
      const area = parameters.coordSys as unknown as { y: number; height: number };
      const bottom = area.y + area.height;
      const place = (at: number, value: number): [number, number] => {
        const [left = 0, top = bottom] = api.coord([at, logarithmic && value <= 0 ? Number.MIN_VALUE : value]);
        return [left, Number.isFinite(top) ? Math.min(Math.max(top, area.y - 1e4), bottom + 1e4) : bottom];
      };
      return {
        type: 'group',
        children: stretches.map(([start, end]) => {
          const points: [number, number][] = [];
          for (let index = start; index < end; index += 1) points.push(place(x[index] ?? 0, upper[index] ?? 0));
          for (let index = end - 1; index >= start; index -= 1) points.push(place(x[index] ?? 0, lower[index] ?? 0));
          return {
            type: 'polygon' as const,
            shape: { points },
            style: { fill: series.style.color, opacity: series.faded ? 0.06 : 0.18 },
          };
        }),
      };
    },
  };
}

/** Half-open index ranges in which position and both bounds are finite. */
function finiteStretches(
  x: readonly number[],
  lower: readonly number[],
  upper: readonly number[],
): (readonly [start: number, end: number])[] {
  const stretches: (readonly [number, number])[] = [];
  let start = -1;
  for (let index = 0; index <= x.length; index += 1) {
    const drawn = [x[index], lower[index], upper[index]].every((value) => Number.isFinite(value));
    if (drawn && start < 0) start = index;
    if (!drawn && start >= 0) {
      stretches.push([start, index]);
      start = -1;
    }
  }
  return stretches;
}

function finiteOrGap(value: number | undefined): number | '-' {
  return value !== undefined && Number.isFinite(value) ? value : '-';
}
