import { describe, expect, it } from 'vitest';
import {
  combineVerdicts,
  describePairedDifference,
  judgeDifference,
  mostSeeds,
  type Verdict,
} from '#shared/statistics/pairedDifference.ts';

// Samples and expected values: paired.py.
const samples = {
  clear: [0.21, 0.18, 0.35, 0.27, 0.3],
  negative: [-0.012, -0.009, -0.02, -0.001, -0.016],
  unclear: [0.05, -0.04, 0.09, 0.02, -0.01],
  three: [1.5, 2.5, 2],
  two: [0.004, 0.001],
};

describe('a direction', () => {
  it.each<[keyof typeof samples, number[], number, Verdict, Verdict, number | null]>([
    [
      'clear',
      [0.262, 0.068_337_398_253_1, 0.177_147_912_858, 0.346_852_087_142, 3.833_918_274_58],
      0.001_016_804_344_05,
      'supported',
      'contradicted',
      null,
    ],
    [
      'negative',
      [-0.0116, 0.007_231_873_892_71, -0.020_579_557_452_1, -0.002_620_442_547_88, -1.604_010_270_66],
      0.023_030_007_060_3,
      'contradicted',
      'supported',
      null,
    ],
    [
      'unclear',
      [0.022, 0.050_695_167_422_5, -0.040_946_364_271_5, 0.084_946_364_271_5, 0.433_966_413_734],
      0.386_807_334_427,
      'inconclusive',
      'inconclusive',
      23,
    ],
    ['three', [2, 0.5, 0.757_931_144_125, 3.242_068_855_88, 4], 0.020_204_102_886_7, 'supported', 'contradicted', null],
    [
      'two',
      [0.0025, 0.002_121_320_343_56, -0.016_559_307_104_3, 0.021_559_307_104_3, 1.178_511_301_98],
      0.344_041_739_245,
      'inconclusive',
      'inconclusive',
      6,
    ],
  ])('of the sample “%s”', (name, [mean, deviation, lower, upper, effect], probability, greater, less, pairs) => {
    const judged = judgeDifference(samples[name], { relation: 'greater' });
    expect(judged.count).toBe(samples[name].length);
    for (const [actual, expected] of [
      [judged.mean, mean],
      [judged.standardDeviation, deviation],
      [judged.interval?.lower, lower],
      [judged.interval?.upper, upper],
      [judged.effectSize, effect],
      [judged.probability, probability],
    ]) {
      expect(actual).toBeCloseTo(expected ?? Number.NaN, 8);
    }
    expect([judged.verdict, judged.confidence, judged.pairsToDecide]).toEqual([greater, 0.95, pairs]);
    expect(judgeDifference(samples[name], { relation: 'less' })).toEqual({ ...judged, verdict: less });
  });

  it('is not decided by one pair or none, and says so without a number that is not one', () => {
    const nothing = { standardDeviation: null, interval: null, effectSize: null, probability: null };
    const rest = { ...nothing, confidence: 0.95, verdict: 'inconclusive', pairsToDecide: null };
    expect(judgeDifference([3], { relation: 'greater' })).toEqual({ ...rest, count: 1, mean: 3 });
    expect(judgeDifference([], { relation: 'greater' })).toEqual({ ...rest, count: 0, mean: null });
  });

  it.each([
    ['all 0', [0, 0, 0]],
    ['all equal', [0.5, 0.5]],
    ['equal but for rounding', [0.3 - 0.1, 0.8 - 0.6, 0.2]],
  ])('is not decided by differences that are %s: t is not defined', (_, differences) => {
    expect(judgeDifference(differences, { relation: 'greater' })).toMatchObject({
      verdict: 'inconclusive',
      count: differences.length,
      interval: null,
      effectSize: null,
      probability: null,
      pairsToDecide: null,
    });
  });

  it('does not promise more seeds than anybody trains', () => {
    expect(judgeDifference([1, -1, 1.001, -1.001], { relation: 'greater' }).pairsToDecide).toBeNull();
    expect(mostSeeds).toBe(1000);
  });
});

describe('equality within a margin', () => {
  it.each<[keyof typeof samples, number, number[], Verdict, number | null]>([
    ['negative', 0.05, [-0.018_494_802_516, -0.004_705_197_483_97, 0.000_144_077_344_353], 'supported', null],
    ['negative', 0.01, [-0.018_494_802_516, -0.004_705_197_483_97, 0.323_371_122_931], 'inconclusive', 58],
    ['unclear', 0.05, [-0.026_332_309_589_7, 0.070_332_309_589_7, 0.142_202_755_993], 'inconclusive', 11],
    ['two', 0.01, [-0.006_970_627_272_01, 0.011_970_627_272, 0.062_832_958_189], 'inconclusive', 3],
    ['clear', 0.1, [0.196_847_748_674, 0.327_152_251_326, 0.003_041_937_698_16], 'contradicted', null],
  ])('of the sample “%s” within %s', (name, margin, [lower, upper, probability], verdict, pairs) => {
    const judged = judgeDifference(samples[name], { relation: 'equal', margin });
    expect(judged.interval?.lower).toBeCloseTo(lower ?? Number.NaN, 8);
    expect(judged.interval?.upper).toBeCloseTo(upper ?? Number.NaN, 8);
    expect(judged.probability).toBeCloseTo(probability ?? Number.NaN, 8);
    expect([judged.verdict, judged.confidence, judged.pairsToDecide]).toEqual([verdict, 0.9, pairs]);
    // The sign of the difference does not matter.
    const mirrored = judgeDifference(
      samples[name].map((value) => -value),
      { relation: 'equal', margin },
    );
    expect([mirrored.verdict, mirrored.pairsToDecide]).toEqual([verdict, pairs]);
    expect(mirrored.probability).toBeCloseTo(probability ?? Number.NaN, 8);
  });

  it('needs a margin, and two pairs', () => {
    expect(() => judgeDifference([1, 2], { relation: 'equal', margin: 0 })).toThrow(RangeError);
    expect(judgeDifference([0], { relation: 'equal', margin: 1 })).toMatchObject({
      verdict: 'inconclusive',
      probability: null,
    });
  });
});

it('decides exactly where the probability is at most 5%', () => {
  // Means around the threshold of five values with this spread.
  const spread = [-0.02, -0.01, 0, 0.01, 0.02];
  for (let shift = -0.06; shift <= 0.06; shift += 0.0007) {
    const differences = spread.map((value) => value + shift);
    for (const expected of [
      { relation: 'greater' },
      { relation: 'less' },
      { relation: 'equal', margin: 0.03 },
    ] as const) {
      const { verdict, probability } = judgeDifference(differences, expected);
      expect(verdict !== 'inconclusive').toBe((probability ?? 1) <= 0.05);
    }
  }
});

it('describes a difference at any confidence', () => {
  const { interval } = describePairedDifference(samples.clear, 0.9);
  expect(interval?.lower).toBeCloseTo(0.196_847_748_674, 8);
});

describe('several parts', () => {
  it.each<[Verdict[], Verdict]>([
    [['supported', 'supported'], 'supported'],
    [['supported', 'inconclusive'], 'inconclusive'],
    [['supported', 'contradicted'], 'contradicted'],
    [['inconclusive', 'contradicted'], 'contradicted'],
    [['inconclusive'], 'inconclusive'],
    [[], 'inconclusive'],
  ])('%j come to %s', (verdicts, combined) => {
    expect(combineVerdicts(verdicts)).toBe(combined);
  });
});
