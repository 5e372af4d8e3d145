import { describe, expect, it } from 'vitest';
import type { ChartPanel, ChartSeries } from '#shared/charts/chart.ts';
import { screenMargins } from '#shared/charts/echartsOption.ts';
import { logAxis } from '#shared/charts/logAxis.ts';
import { formatTicks, valueAxis, visibleExtent } from '#shared/charts/valueAxis.ts';

function curve(x: number[], y: number[], band: ChartSeries['band'] = null): ChartSeries {
  const style = { color: '#0072B2', dash: 'solid', marker: 'circle' } as const;
  return { label: 'a', points: { x, y }, band, style, divergedAt: null };
}

describe('visibleExtent', () => {
  const series = [curve([0, 1, 2], [5, Number.NaN, -1], { lower: [4, 0, -3], upper: [6, 9, 1] }), curve([2], [0.5])];
  it('spans curves and bands, without what is not finite', () => {
    expect(visibleExtent(series)).toEqual([-3, 9]);
    expect(visibleExtent([curve([0], [Number.NaN])])).toBeNull();
  });
  it('is that of the part which is seen, and of all where nothing is seen', () => {
    expect(visibleExtent(series, [0, 0.5])).toEqual([4, 6]);
    expect(visibleExtent(series, [7, 8])).toEqual([-3, 9]);
  });
  it('leaves out for a logarithmic axis what is not positive', () => {
    expect(visibleExtent(series, undefined, true)).toEqual([0.5, 9]);
    expect(visibleExtent([curve([0, 1], [0, -3])], undefined, true)).toBeNull();
  });
});

describe('valueAxis', () => {
  it('ends at round numbers around its data', () => {
    expect(valueAxis([0.97, 2.31], 5)).toEqual({
      range: [0.8, 2.4],
      labels: [0.8, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.4],
    });
    // Five labels in a miniature would touch.
    expect(valueAxis([0.97, 2.31], 2)).toEqual({ range: [0.5, 2.5], labels: [1, 2] });
    expect(valueAxis([-0.36, 0.84], 2)).toEqual({ range: [-0.5, 1], labels: [-0.5, 0, 0.5, 1] });
    expect(valueAxis([0.1, 0.3], 2).labels).toEqual([0.1, 0.2, 0.3]);
  });
  it('has a range of its own where all values are equal', () => {
    expect(valueAxis([0, 0], 5, [0, null])).toEqual({ range: [0, 0.5], labels: [0, 0.1, 0.2, 0.3, 0.4, 0.5] });
    expect(valueAxis([0.1, 0.1], 2)).toEqual({ range: [0.09, 0.11], labels: [0.09, 0.1, 0.11] });
  });
  it('goes no further than the quantity can, even where an interval does', () => {
    expect(valueAxis([-0.3, 1.4], 5, [0, 1])).toEqual({ range: [0, 1], labels: [0, 0.2, 0.4, 0.6, 0.8, 1] });
  });
});

describe('logAxis', () => {
  it('ends at 1, 2 or 5 times a power of ten', () => {
    expect(logAxis([0.13, 2.4])).toEqual({ range: [0.1, 5], labels: [0.1, 0.2, 0.5, 1, 2, 5] });
    expect(logAxis([3e-5, 2000])).toEqual({ range: [2e-5, 2000], labels: [1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000] });
    expect(logAxis([1, 1])).toEqual({ range: [1, 2], labels: [1, 2] });
  });
  it('labels few of very many decades', () => {
    expect(logAxis([1, 1e32]).labels).toEqual([1, 1e3, 1e6, 1e9, 1e12, 1e15, 1e18, 1e21, 1e24, 1e27, 1e30]);
  });
});

describe('formatTicks', () => {
  const linear = { format: 'number', scale: 'linear' } as const;
  it('keeps every digit that tells labels apart, in one notation', () => {
    expect(formatTicks([0.01985, 0.0199], linear)).toEqual(['0.01985', '0.0199']);
    expect(formatTicks([-500_000, 0, 500_000], linear)).toEqual(['−500\u2009000', '0', '500\u2009000']);
    expect(formatTicks([-500_000, 0, 1_000_000], linear)).toEqual(['−5e5', '0', '1e6']);
    expect(formatTicks([1.02e7, 1.04e7], linear)).toEqual(['1.02e7', '1.04e7']);
    expect(formatTicks([0, 0.5, 1], { format: 'percent', scale: 'linear' })).toEqual(['0', '50', '100']);
  });
  it('writes on a logarithmic axis only far decades as powers', () => {
    expect(formatTicks([1e-4, 0.01, 10_000, 1e5], { format: 'number', scale: 'log' })).toEqual([
      '1e-4',
      '0.01',
      '10\u2009000',
      '1e5',
    ]);
  });
});

it('a chart on screen has room for the labels of its vertical axis, however long', () => {
  const axis = { name: 'x', unit: null, scale: 'linear', format: 'number' } as const;
  const panel = (y: number[]): ChartPanel => ({ title: '', xAxis: axis, yAxis: axis, series: [curve([0, 1], y)] });
  const left = (y: number[], furniture: 'axes' | 'small'): number => screenMargins(panel(y), furniture, 10).left;
  // A digit is at most 0.6 of the size wide; the name takes a line of its own.
  expect(left([1.0001, 1.0004], 'axes')).toBeGreaterThanOrEqual(6 * 6 + 20);
  expect(left([1.0001, 1.0004], 'small')).toBeGreaterThanOrEqual(6 * 6);
  expect(left([0, 1], 'axes')).toBeLessThan(left([-400_000, 400_000], 'axes'));
});
