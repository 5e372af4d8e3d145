import { expect, it } from 'vitest';
import type { ChartDescription } from '#shared/charts/chart.ts';
import { chartCsv } from '../../../src/renderer/export/drawFiles.ts';

it('writes every point of a chart with its band, quoted where needed', () => {
  const style = { color: '#0072B2', dash: 'solid', marker: 'circle' } as const;
  const chart: ChartDescription = {
    title: 'Test',
    footnote: '',
    source: [],
    panels: [
      {
        title: 'Validation loss',
        xAxis: { name: 'Training time', unit: 's', scale: 'linear', format: 'number' },
        yAxis: { name: 'Cross-entropy', unit: 'nats', scale: 'linear', format: 'number' },
        series: [
          {
            label: 'BN, "wide"',
            points: { x: [1, 2], y: [0.1 + 0.2, Number.NaN] },
            band: { lower: [0.25, Number.NaN], upper: [0.5, 1] },
            style,
            divergedAt: null,
          },
          { label: 'none', points: { x: [1], y: [2] }, band: null, style, divergedAt: null, thin: true },
        ],
      },
    ],
  };
  expect(chartCsv(chart).split('\r\n')).toEqual([
    'quantity,curve,kind,Training time (s),value,lower,upper',
    'Validation loss,"BN, ""wide""",curve,1,0.30000000000000004,0.25,0.5',
    'Validation loss,"BN, ""wide""",curve,2,,,1',
    'Validation loss,none,seed,1,2,,',
    '',
  ]);
});
