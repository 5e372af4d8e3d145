import { describe, expect, it } from 'vitest';
import { axisTitle, formatChartNumber } from '#shared/charts/chart.ts';
import { chartTokens, shiftLightness } from '#shared/charts/colors.ts';
import { echartsOption } from '#shared/charts/echartsOption.ts';
import { describeLossCurves, type ComparedRun } from '#shared/charts/lossCurves.ts';
import { parseRunDocument } from '#shared/domain/run.ts';

function comparedRun(
  label: string,
  seed: number,
  values: readonly number[],
  overrides: Partial<ComparedRun> & { method?: string } = {},
): ComparedRun {
  const { method = 'batchNorm', ...rest } = overrides;
  const points = { steps: Float64Array.from(values, (_, index) => 10 * index), values: Float64Array.from(values) };
  return {
    id: `${label} ${seed}`,
    label,
    document: parseRunDocument({ dataset: { id: 'x' }, method: { id: method }, seed }),
    documentHash: 'hash',
    state: 'done',
    series: { 'validation/loss': points },
    ...rest,
  };
}

describe('numbers on axes', () => {
  it.each([
    [0, 'number', '0'],
    [0.30000000000000004, 'number', '0.3'],
    [1.5, 'number', '1.5'],
    [-2.25, 'number', '−2.25'],
    [1000, 'number', '1000'],
    [60000, 'number', '60\u2009000'],
    [0.00012, 'number', '1.2e-4'],
    [2e8, 'number', '2e8'],
    [0.7125, 'percent', '71.25'],
    [Number.NaN, 'number', '–'],
  ] as const)('%d as %s is %s', (value, format, text) => {
    expect(formatChartNumber(value, format)).toBe(text);
  });

  it('axes carry name and unit', () => {
    expect(axisTitle({ name: 'Loss', unit: 'nats', scale: 'linear', format: 'number' })).toBe('Loss (nats)');
    expect(axisTitle({ name: 'Accuracy', unit: null, scale: 'linear', format: 'percent' })).toBe('Accuracy (%)');
    expect(axisTitle({ name: 'Step', unit: null, scale: 'linear', format: 'number' })).toBe('Step');
  });
});

describe('colours', () => {
  it('shift in lightness only', () => {
    expect(shiftLightness('#0072b2', 0)).toBe('#0072b2');
    expect(shiftLightness('#0072b2', 1)).toBe('#ffffff');
    expect(shiftLightness('#0072b2', -0.5)).toBe('#003959');
  });

  /** Contrast ratio of WCAG 2.2. */
  function contrast(first: string, second: string): number {
    const luminance = (color: string): number => {
      const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
        const channel = Number.parseInt(color.slice(at, at + 2), 16) / 255;
        return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const [dark = 0, light = 0] = [luminance(first), luminance(second)].sort((left, right) => left - right);
    return (light + 0.05) / (dark + 0.05);
  }

  it.each(['light', 'dark'] as const)('of text pass AA (%s)', (theme) => {
    const { text, faintText, background } = chartTokens[theme];
    expect(contrast(text, background)).toBeGreaterThan(4.5);
    expect(contrast(faintText, background)).toBeGreaterThan(4.5);
  });
});

describe('loss curves', () => {
  it('have no accuracy, and no cross-entropy, where all runs learn values', () => {
    const unit = parseRunDocument({ dataset: { id: 'x' }, architecture: { id: 'teacher-student' } });
    const panelsOf = (...documents: (typeof unit | undefined)[]): string[][] =>
      describeLossCurves(
        'Test',
        documents.map((document, seed) => comparedRun('a', seed, [1], document && { document })),
      ).panels.map(({ title, yAxis }) => [title, yAxis.name]);
    expect(panelsOf(unit, unit)).toEqual([['Validation loss', '½ squared error']]);
    expect(panelsOf(unit, undefined)).toEqual([
      ['Validation loss', 'Loss'],
      ['Validation accuracy', 'Accuracy'],
    ]);
    expect(panelsOf(undefined)).toEqual([
      ['Validation loss', 'Cross-entropy'],
      ['Validation accuracy', 'Accuracy'],
    ]);
  });

  it('average seeds at the steps they share, with a band from minimum to maximum', () => {
    const chart = describeLossCurves('Test', [
      comparedRun('batchNorm', 1, [3, 2, 1]),
      comparedRun('batchNorm', 2, [5, 4]),
      comparedRun('none', 1, [3, 3, 3], { method: 'none' }),
    ]);
    const [batchNorm, none] = chart.panels[0]?.series ?? [];
    expect(batchNorm).toMatchObject({
      label: 'batchNorm',
      points: { x: [0, 10], y: [4, 3] },
      band: { lower: [3, 2], upper: [5, 4] },
      style: { color: '#0072b2' },
    });
    expect(none).toMatchObject({ points: { x: [0, 10, 20], y: [3, 3, 3] }, band: null, style: { color: '#8a8a8a' } });
    expect(chart.panels[1]?.series).toEqual([]);
    expect(chart.footnote).toBe('Mean of 1 to 2 seeds a curve; band from minimum to maximum; no smoothing.');
    expect(chart.source).toHaveLength(3);
  });

  it('keep the hue of a method whatever else varies', () => {
    const chart = describeLossCurves('Test', [
      comparedRun('batchSize 64', 1, [1]),
      comparedRun('batchSize 256', 1, [1]),
    ]);
    const colors = chart.panels[0]?.series.map((series) => series.style.color) ?? [];
    expect(new Set(colors).size).toBe(2);
    for (const color of colors) {
      const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
      expect(red < green && green < blue).toBe(true);
    }
  });

  it('end in a cross where a run diverged, and say so', () => {
    const chart = describeLossCurves('Test', [comparedRun('none', 1, [2, 9, Number.NaN], { state: 'diverged' })]);
    expect(chart.panels[0]?.series[0]?.divergedAt).toEqual({ x: 10, y: 9 });
    expect(chart.footnote).toBe('One seed a curve; no smoothing; × marks divergence.');
  });

  it('say which method diverged before it had a point', () => {
    const chart = describeLossCurves('Test', [comparedRun('none', 1, [], { state: 'diverged' })]);
    expect(chart.footnote).toBe('One seed a curve; no smoothing; none diverged before the first evaluation.');
  });

  it('say how many runs are unfinished', () => {
    const chart = describeLossCurves('Test', [comparedRun('none', 1, [2], { state: 'stopped' })]);
    expect(chart.footnote).toContain('1 of 1 runs did not reach their end');
  });
});

describe('the ECharts option', () => {
  it('draws bands, lines and crosses in the panel they belong to, with gaps where values are not finite', () => {
    const chart = describeLossCurves('Test', [
      comparedRun('batchNorm', 1, [3, 2]),
      comparedRun('batchNorm', 2, [5, 2]),
      comparedRun('none', 1, [2, Number.NaN], { method: 'none', state: 'diverged' }),
    ]);
    const option = echartsOption(chart, { width: 800, height: 400, fontSize: 12, theme: 'dark' });
    const series = option.series as { type: string; name: string; data: unknown[]; xAxisIndex: number }[];
    expect(series.map(({ type, name }) => `${type} ${name}`)).toEqual([
      'custom batchNorm band',
      'line batchNorm',
      'line none',
      'scatter none',
    ]);
    expect(series.map(({ xAxisIndex }) => xAxisIndex)).toEqual([0, 0, 0, 0]);
    expect(series[0]?.data).toEqual([
      [0, 3, 5],
      [10, 2, 2],
    ]);
    expect(series[2]?.data).toEqual([
      [0, 2],
      [10, '-'],
    ]);
    expect(option.backgroundColor).toBe(chartTokens.dark.background);
  });
});
