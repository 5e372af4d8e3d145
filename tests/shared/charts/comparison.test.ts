import { describe, expect, it } from 'vitest';
import { readableLabel } from '#shared/charts/comparedLabels.ts';
import { comparedMetrics, comparedMetricsOf, layersOfMetric, recordedLosses } from '#shared/charts/comparedMetrics.ts';
import {
  comparedStyles,
  describeComparison,
  describeTreatment,
  type ComparedCurve,
  type ComparisonTreatment,
} from '#shared/charts/comparison.ts';

const style = { color: '#0072B2', dash: 'solid', marker: 'circle' } as const;
const line = (x: number[], y: number[]) => ({ x, y, lower: null, upper: null });
const treatment: ComparisonTreatment = {
  xAxis: 'step',
  logX: false,
  logY: false,
  smoothing: 0,
  band: 'interval',
  seedLines: false,
  pointsPerBucket: 1,
  range: null,
};
const [metric] = comparedMetrics;
if (!metric) throw new Error('no metrics');

function curve(part: Partial<ComparedCurve>): ComparedCurve {
  return { label: 'BN', style, mean: line([1, 2], [3, 4]), count: 1, runs: [], faded: false, ...part };
}

describe('describeComparison', () => {
  it('marks where a single run diverged', () => {
    const own = line([1, 2, 3], [3, 4, Number.NaN]);
    const chart = describeComparison(
      'T',
      metric,
      null,
      [curve({ mean: own, runs: [{ line: own, diverged: true }] })],
      treatment,
      [],
    );
    expect(chart.panels[0]?.series.map((series) => series.divergedAt)).toEqual([{ x: 2, y: 4 }]);
    expect(chart.footnote).toBe('One seed a curve · no smoothing · × diverged');
  });

  it('lets single seeds go on, thin, where the mean cannot speak for them', () => {
    const runs = [
      { line: line([1, 2, 3], [1, 2, 3]), diverged: false },
      { line: line([1, 2], [3, 4]), diverged: false },
    ];
    const mean = { x: [1, 2], y: [2, 3], lower: [1, 2], upper: [3, 4] };
    const chart = describeComparison('T', metric, null, [curve({ mean, count: 2, runs })], treatment, []);
    expect(chart.panels[0]?.series.map(({ points, thin, band }) => ({ points, thin, band }))).toEqual([
      { points: { x: [2, 3], y: [2, 3] }, thin: true, band: null },
      { points: { x: [1, 2], y: [2, 3] }, thin: undefined, band: { lower: [1, 2], upper: [3, 4] } },
    ]);
    const all = describeComparison(
      'T',
      metric,
      null,
      [curve({ mean, count: 2, runs })],
      { ...treatment, seedLines: true },
      [],
    );
    expect(all.panels[0]?.series.filter((series) => series.thin)).toHaveLength(2);
  });

  it('says what was done to the data', () => {
    expect(describeTreatment([curve({ count: 5 })], { ...treatment, smoothing: 0.9, seedLines: true })).toBe(
      'Mean of 5 seeds · band: 95% t-interval of the mean · thin: single seeds · moving average, weight 0.9 (EMA, debiased)',
    );
    expect(describeTreatment([curve({ count: 1 })], { ...treatment, pointsPerBucket: 32 })).toBe(
      'One seed a curve · no smoothing · each point the mean of 32 steps, band from smallest to largest',
    );
  });
});

describe('what runs are compared by', () => {
  const offered = (...series: string[]) => comparedMetricsOf(recordedLosses(new Set(series)));
  const idsOf = (...series: string[]): string[] => offered(...series).map(({ id }) => id);
  const axisOf = (...series: string[]) => offered(...series).find(({ id }) => id === 'validation-loss')?.yAxis.name;

  it('is what they recorded: accuracy of classes, distance to a teacher of values', () => {
    expect(idsOf()).toContain('validation-accuracy');
    expect(idsOf()).not.toContain('teacher-distance');
    expect(idsOf('validation/accuracy')).toEqual(idsOf());
    const ofValues = idsOf('validation/loss', 'teacher/distance');
    expect(ofValues).toEqual(expect.arrayContaining(['validation-loss', 'teacher-distance', 'teacher-overlap']));
    expect(ofValues).not.toContain('validation-accuracy');
    expect(idsOf('validation/accuracy', 'teacher/distance')).toEqual(
      expect.arrayContaining(['validation-accuracy', 'teacher-distance']),
    );
  });

  it('names the loss that it is', () => {
    expect(axisOf()).toBe('Cross-entropy');
    expect(axisOf('teacher/distance')).toBe('½ squared error');
    expect(axisOf('teacher/distance', 'validation/accuracy')).toBe('Loss');
    expect(offered('teacher/distance').find(({ id }) => id === 'gap')?.yAxis.unit).toBeNull();
  });
});

describe('comparedStyles', () => {
  const members = [
    { key: 'a', methodId: 'batchNorm', batchSize: 256 },
    { key: 'b', methodId: 'batchNorm', batchSize: 64 },
    { key: 'c', methodId: 'none', batchSize: 64 },
    { key: 'd', methodId: 'future', batchSize: 64 },
  ];
  it('keeps the hue of a method and moves lightness with batch size', () => {
    const styles = comparedStyles(members, 'light');
    expect(styles.get('c')?.color).toBe('#8a8a8a');
    // Half-way mixes of #0072B2 with black (0.35) and white (0.45).
    expect([styles.get('b')?.color, styles.get('a')?.color]).toEqual(['#004a74', '#73b1d5']);
    expect(styles.get('d')?.dash).toBe('dotted');
  });
  it('does not darken on a dark ground', () => {
    expect(comparedStyles(members, 'dark').get('b')?.color).toBe('#0072b2');
  });
});

it('readableLabel writes methods and fields out', () => {
  expect(readableLabel('batchNorm, batchSize 64')).toBe('Batch normalization, batch size 64');
  expect(readableLabel('none', 'symbol')).toBe('none');
  expect(readableLabel('learningRate 0.1')).toBe('Learning rate 0.1');
});

it('finds the layers of a quantity by its series, and no other quantity whose name begins alike', () => {
  const names = ['train/loss', 'gammaSquared/conv1', 'gamma/conv1', 'gamma/fc1', 'gamma.minimum/conv2', 'kurtosis/fc2'];
  const find = (id: string) => comparedMetrics.find((each) => each.id === id);
  const gamma = find('gamma');
  const kurtosis = find('kurtosis');
  if (!gamma || !kurtosis || !metric) throw new Error('missing');
  expect(layersOfMetric(gamma, names)).toEqual(['conv1', 'fc1']);
  expect(layersOfMetric(kurtosis, names)).toEqual(['fc2']);
  expect(layersOfMetric(metric, names)).toEqual([]);
  expect(find('effective-learning-rate')).toMatchObject({ series: 'effectiveLearningRate/', perLayer: true });
  expect(new Set(comparedMetrics.map(({ id }) => id)).size).toBe(comparedMetrics.length);
  expect(new Set(comparedMetrics.map(({ title }) => title)).size).toBe(comparedMetrics.length);
});
