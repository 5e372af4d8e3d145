import { crc32 } from 'node:zlib';

type Row = Readonly<Record<string, unknown>>;

/** Documents have a SHA-256 of their own; keys are numbers that only this file means something by. */
function isCovered(column: string): boolean {
  return column !== 'document' && column !== 'checksum' && !/[a-z]Key$/.test(column);
}

/**
 * CRC-32 of a row: its columns in the order of their names, as `"name":value`, without its document,
 * its own checksum and its keys. Columns that are NULL are left out, so that one which is added later,
 * and is NULL in older rows, changes no checksum.
 */
export function checksumOfRow(row: object): number {
  const text = Object.entries(row as Row)
    .filter(([column, value]) => isCovered(column) && value !== null && value !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    // Numbers as text, because JSON knows no infinity.
    .map(
      ([column, value]) =>
        `${JSON.stringify(column)}:${typeof value === 'string' ? JSON.stringify(value) : String(value)}`,
    )
    .join();
  return crc32(text);
}

/** The row with its checksum. */
export function sealRow<Values extends object>(row: Values): Values & { checksum: number } {
  return { ...row, checksum: checksumOfRow(row) };
}

/** False where a row is not as it was written. */
export function isRowIntact(row: object & { checksum: number }): boolean {
  return checksumOfRow(row) === row.checksum;
}
