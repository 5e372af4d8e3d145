import { describe, expect, it } from 'vitest';
import { presetExperiment } from '#shared/domain/presets.ts';
import { legendRow } from '../../../src/renderer/data/legendRows.ts';
import { prominentState } from '../../../src/renderer/data/stateText.ts';
import { toLatex, toTsv } from '../../../src/renderer/data/tables.ts';
import { FakeLab } from '../fakeLab.ts';

describe('legendRow', () => {
  it('gives mean of last and best values over seeds, with the interval of the best', () => {
    const lab = new FakeLab({ now: 0 });
    const { runs } = lab.add({ ...presetExperiment('quickstart'), vary: [], seeds: [1, 2, 3] });
    const [first, second] = runs;
    if (!first || !second) throw new Error('no runs');
    lab.moveTo(first, first.totalSteps);
    lab.moveTo(second, 31);
    const row = legendRow({
      key: 'a',
      runs: runs.map((run) => run.item),
      values: [
        { values: Float64Array.from([3, 1, 2]), extremes: null },
        { values: Float64Array.from([5, 4, Number.NaN]), extremes: Float64Array.from([4, 3, Number.NaN]) },
        { values: new Float64Array(0), extremes: null },
      ],
      better: 'lower',
    });
    // Best values 1 and 3: mean 2, half-width t(0.975, 1)·√2/√2.
    expect(row).toMatchObject({ key: 'a', count: 2, total: 3, last: 3, best: 2, samplesPerSecond: 1390 });
    expect(row.halfWidth).toBeCloseTo(12.706_204_7, 6);
    expect(row.state).toEqual({ state: 'running', count: 1 });
    expect(row.fraction).toBeCloseTo((1 + 31 / 310) / 3, 12);
  });

  it('has nothing to say before the first point', () => {
    expect(legendRow({ key: 'a', runs: [], values: [], better: 'higher' })).toEqual({
      key: 'a',
      count: 0,
      total: 0,
      state: null,
      last: null,
      best: null,
      halfWidth: null,
      samplesPerSecond: null,
      secondsLeft: null,
      fraction: 0,
    });
  });
});

describe('prominentState', () => {
  it('names what needs attention first', () => {
    expect(prominentState(['done', 'failed', 'running', 'done'])).toEqual({ state: 'failed', count: 1 });
    expect(prominentState(['done', 'queued', 'running'])).toEqual({ state: 'running', count: 1 });
    expect(prominentState(['done', 'done'])).toEqual({ state: 'done', count: 2 });
    expect(prominentState([])).toBeNull();
  });
});

describe('tables', () => {
  const table = [
    ['Name', 'Last'],
    ['BN, 100 % & more\t', '0.54 ± 0.02'],
  ];
  it('as tab-separated values', () => {
    expect(toTsv(table)).toBe('Name\tLast\nBN, 100 % & more \t0.54 ± 0.02');
  });
  it('as LaTeX', () => {
    expect(toLatex(table).split('\n')).toEqual([
      '\\begin{tabular}{lr}',
      '  \\toprule',
      '  Name & Last \\\\',
      '  \\midrule',
      '  BN, 100 \\% \\& more\t & 0.54 $\\pm$ 0.02 \\\\',
      '  \\bottomrule',
      '\\end{tabular}',
    ]);
  });
});
