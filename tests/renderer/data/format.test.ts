import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatPlural,
  formatRate,
  formatValue,
  formatWhen,
} from '../../../src/renderer/data/format.ts';

const thin = '\u2009';

describe('formats', () => {
  it.each([
    [0.753_123, '0.7531'],
    [2.302_585, '2.303'],
    [12.3456, '12.35'],
    [0, '0'],
    [-0.05, '−0.05000'],
    [0.000_032, '3.20e−5'],
    [1234.56, '1235'],
    [null, '–'],
    [Number.NaN, '–'],
  ])('value %s', (value, text) => {
    expect(formatValue(value)).toBe(text);
  });

  it.each([
    [0.4, 'under 1 s'],
    [7.6, '8 s'],
    [59.7, '1 min'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
    [7200, '2 h'],
    [100_000, '1 d 3 h'],
  ])('duration %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it('percentages, counts, rates, sizes and plurals', () => {
    expect(formatPercent(0.8312)).toBe(`83.1${thin}%`);
    expect([formatCount(1240), formatCount(12_400), formatCount(1_234_567)]).toEqual([
      '1240',
      `12${thin}400`,
      `1${thin}234${thin}567`,
    ]);
    expect([formatRate(4.23), formatRate(1389.6)]).toEqual(['4.2', '1390']);
    expect([formatBytes(900), formatBytes(734e6), formatBytes(3.44e9), formatBytes(999.9e6)]).toEqual([
      '900 B',
      '734 MB',
      '3.4 GB',
      '1.0 GB',
    ]);
    expect([formatPlural(1, 'run'), formatPlural(3, 'run')]).toEqual(['1 run', '3 runs']);
  });

  it('times by how far they are', () => {
    const now = new Date(2026, 4, 20, 15, 0);
    expect(formatWhen(new Date(2026, 4, 20, 9, 5).toISOString(), now)).toBe('09:05');
    expect(formatWhen(new Date(2026, 2, 12, 14, 5).toISOString(), now)).toBe('12 Mar, 14:05');
    expect(formatWhen(new Date(2024, 2, 12, 14, 5).toISOString(), now)).toBe('12 Mar 2024');
    expect(formatWhen(null, now)).toBe('–');
  });
});
