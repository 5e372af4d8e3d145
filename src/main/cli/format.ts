import { formatBytes as formatKnownBytes } from '#shared/formatBytes.ts';
/** Numbers and tables for people. */

/** 950 B, 12.3 MB: powers of ten, as file managers show them. */
export function formatBytes(bytes: number | null): string {
  return bytes === null ? '–' : formatKnownBytes(bytes);
}

/** 8 s, 3 min 20 s, 2 h 5 min. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return '–';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A loss: four decimals, or powers of ten where those would not show it. */
export function formatLoss(value: number | null): string {
  if (value === null) return '–';
  if (!Number.isFinite(value)) return 'not finite';
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(2) : value.toFixed(4);
}

/** A fraction as a percentage with one decimal. */
export function formatPercent(fraction: number | null): string {
  return fraction === null || !Number.isFinite(fraction) ? '–' : `${(100 * fraction).toFixed(1)}%`;
}

export function formatRate(perSecond: number | null): string {
  if (perSecond === null || !Number.isFinite(perSecond)) return '–';
  return perSecond >= 100 ? String(Math.round(perSecond)) : perSecond.toPrecision(3);
}

/** Length in code points: what a terminal shows of the text written here. */
export function countCharacters(text: string): number {
  return Array.from(text).length;
}

export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  align?: 'left' | 'right';
}

/** Plain-text table: a header, then a line a row, columns two spaces apart. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => column.value(row))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => countCharacters(line[index] ?? ''))));
  return cells
    .map((line) =>
      line
        .map((cell, index) => {
          const padding = ' '.repeat((widths[index] ?? 0) - countCharacters(cell));
          return columns[index]?.align === 'right' ? padding + cell : cell + padding;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
