/**
 * A chart in words: what is drawn, not how. Screen and files are made from the same description.
 */

export interface ChartAxis {
  name: string;
  /** Null for a pure number. */
  unit: string | null;
  scale: 'linear' | 'log';
  /** `percent`: values are fractions and written times 100. */
  format: 'number' | 'percent';
  /** Visible part; absent: all of the data. */
  range?: readonly [number, number];
  /** Least and largest value that the quantity can have; null where there is none. */
  bounds?: readonly [number | null, number | null];
}

export interface ChartStyle {
  color: string;
  dash: 'solid' | 'dashed' | 'dotted';
  marker: 'circle' | 'rect' | 'triangle' | 'diamond';
}

export interface ChartPoints {
  /** Ascending. */
  x: readonly number[];
  /** Not finite: a gap. */
  y: readonly number[];
}

export interface ChartSeries {
  label: string;
  points: ChartPoints;
  /** Drawn translucent behind the line, at the x of `points`. */
  band: { lower: readonly number[]; upper: readonly number[] } | null;
  style: ChartStyle;
  /** Where the curve ends because its loss stopped being finite: drawn as a cross. */
  divergedAt: { x: number; y: number } | null;
  /** A single seed behind the mean: a thin line without markers. */
  thin?: boolean;
  /** Draws back so that another stands out. */
  faded?: boolean;
}

export interface ChartPanel {
  title: string;
  xAxis: ChartAxis;
  yAxis: ChartAxis;
  series: ChartSeries[];
}

export interface ChartDescription {
  title: string;
  panels: ChartPanel[];
  /** What was done to the data, in small type: `mean of 5 seeds; band from minimum to maximum`. */
  footnote: string;
  /** Where every number comes from; embedded in exported files. */
  source: { runId: string; label: string; documentHash: string }[];
}

/** An axis title: name, then unit in parentheses. */
export function axisTitle(axis: ChartAxis): string {
  const unit = axis.format === 'percent' ? '%' : axis.unit;
  return unit === null ? axis.name : `${axis.name} (${unit})`;
}

/** A number with as many digits as it deserves: 12 400, 0.753, 1.2e-5. */
export function formatChartNumber(value: number, format: ChartAxis['format'] = 'number', digits = 4): string {
  if (!Number.isFinite(value)) return '–';
  const scaled = format === 'percent' ? value * 100 : value;
  const magnitude = Math.abs(scaled);
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e7)) {
    return scaled.toExponential(1).replace('.0e', 'e').replace('e+', 'e');
  }
  // Rounding first hides what binary fractions add: 0.30000000000000004.
  const rounded = Number(scaled.toPrecision(digits));
  const [whole = '0', fraction] = String(Math.abs(rounded)).split('.');
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, '\u2009') : whole;
  return `${rounded < 0 ? '−' : ''}${grouped}${fraction === undefined ? '' : `.${fraction}`}`;
}
