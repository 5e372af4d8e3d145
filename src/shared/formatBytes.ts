const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in the largest decimal unit that fits, with three digits at most: `950 B`, `1.4 GB`, `185 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
