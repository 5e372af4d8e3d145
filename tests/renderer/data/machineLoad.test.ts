import { expect, it } from 'vitest';
import { exampleHealth } from '../../main/health/exampleHealth.ts';
import { describeLoad, summarizeMachineSeries } from '../../../src/renderer/data/machineLoad.ts';

const thin = (text: string): string => text.replaceAll(' %', '\u2009%').replaceAll(' °', '\u2009°');

it('says how busy processor and cards are, and leaves out what is not known', () => {
  expect(describeLoad(exampleHealth)).toEqual([
    {
      name: 'Processor',
      text: thin('Processor 42 %, 61 °C'),
      title: thin('Processor: 42 % busy, 61 °C, 12 GB of 32 GB memory in use'),
    },
    {
      name: 'GPU',
      text: thin('GPU 87 %, 71 °C'),
      title: thin('GPU: 87 % busy, 71 °C, RTX 4090, 10 GB of 24 GB memory in use'),
    },
  ]);
  const bare = { ...exampleHealth, processorTemperatureCelsius: null, gpus: [] };
  expect(describeLoad(bare).map(({ text }) => text)).toEqual([thin('Processor 42 %')]);
  expect(describeLoad({ ...bare, processorLoad: null })).toEqual([]);
});

it('sums up what was recorded, with extremes of down-sampled parts', () => {
  const slice = { series: 'machine/gpu0/temperatureCelsius', steps: [8, 16, 24], values: [60, null, 64] };
  expect(summarizeMachineSeries(slice)).toMatchObject({
    title: 'GPU temperature',
    mean: thin('62 °C'),
    range: thin('60 °C to 64 °C'),
  });
  const bucketed = { ...slice, minimum: [55, null, 60], maximum: [66, null, 71] };
  expect(summarizeMachineSeries(bucketed)?.range).toBe(thin('55 °C to 71 °C'));
  expect(
    summarizeMachineSeries({ ...slice, series: 'machine/memoryUsedBytes', values: [1e9, 1e9, 1e9] }),
  ).toMatchObject({
    mean: '1.0 GB',
    range: '1.0 GB',
  });
  expect(summarizeMachineSeries({ ...slice, series: 'train/loss' })).toBeNull();
  expect(summarizeMachineSeries({ ...slice, values: [null, null, null] })).toBeNull();
});
