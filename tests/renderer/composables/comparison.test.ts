import { describe, expect, it } from 'vitest';
import { nearestIndex } from '../../../src/renderer/charts/crosshair.ts';
import { comparedEnd, comparedGroups, stepsPerEpochOf } from '../../../src/renderer/composables/comparedGroups.ts';
import {
  readSettings,
  writeSettings,
  type ComparisonSettings,
} from '../../../src/renderer/composables/comparisonSettings.ts';
import { presetExperiment } from '#shared/domain/presets.ts';
import { FakeLab } from '../fakeLab.ts';

describe('comparison settings', () => {
  it('survive their address', () => {
    const settings: ComparisonSettings = {
      metricId: 'gamma-squared',
      layer: 'conv2',
      xAxis: 'time',
      logY: true,
      smoothing: 0.9,
      band: 'range',
      seedLines: true,
    };
    expect(readSettings(writeSettings(settings))).toEqual(settings);
    expect(writeSettings(readSettings({}))).toEqual({});
  });

  it('ignore what makes no sense', () => {
    expect(readSettings({ axis: 'miles', smoothing: '7', band: ['range'], log: 'yes' })).toEqual(readSettings({}));
  });
});

describe('compared groups', () => {
  it('join runs that differ in seed only, with one style each', async () => {
    const lab = new FakeLab({ now: 0 });
    const { runs } = lab.add({
      ...presetExperiment('quickstart'),
      vary: [
        { key: 'method', values: ['batchNorm', 'none'] },
        { key: 'batchSize', values: [64, 256] },
      ],
      seeds: [1, 2],
    });
    const list = await lab.invoke('experiments.list', {});
    const groups = comparedGroups(list, 'light');
    expect(groups.map(({ label, runs: own }) => [label, own.map((run) => run.seed)])).toEqual([
      ['Batch normalization, batch size 64', [1, 2]],
      ['Batch normalization, batch size 256', [1, 2]],
      ['No normalization, batch size 64', [1, 2]],
      ['No normalization, batch size 256', [1, 2]],
    ]);
    expect(new Set(groups.map((group) => group.style.color)).size).toBe(4);

    const [first, second] = runs;
    if (!first || !second) throw new Error('no runs');
    lab.moveTo(first, 31);
    lab.moveTo(second, second.totalSteps);
    expect(stepsPerEpochOf(first.item)).toBe(62);
    // The one that runs goes on to 310 steps; of epochs, both come to 5.
    expect(comparedEnd([first.item, second.item], 'step')).toBe(310);
    expect(comparedEnd([second.item], 'step')).toBe(second.totalSteps);
    expect(comparedEnd([first.item], 'epoch')).toBe(5);
    expect(comparedEnd([first.item], 'time')).toBeNull();
  });
});

it('nearestIndex finds the closest of an ascending list', () => {
  const list = [1, 3, 10];
  expect([-5, 1.9, 2.1, 6, 7, 99].map((value) => nearestIndex(list, value))).toEqual([0, 0, 1, 1, 2, 2]);
  expect(nearestIndex([], 4)).toBe(-1);
});
