/** Text for numbers, durations, sizes and dates: as many digits as they deserve, and no more. */

const thinSpace = '\u2009';
const missing = '–';

type Quantity = number | null | undefined;

function isPresent(value: Quantity): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** A measured value with `digits` significant digits: 0.7531, 12.40, 3.2e-5. */
export function formatValue(value: Quantity, digits = 4): string {
  if (!isPresent(value)) return missing;
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e6)) {
    return value
      .toExponential(Math.max(0, digits - 2))
      .replace('e+', 'e')
      .replace('-', '−');
  }
  const decimals = magnitude === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(magnitude)));
  return value.toFixed(Math.min(decimals, 6)).replace('-', '−');
}

/** A fraction as a percentage: 0.8312 becomes 83.1 %. */
export function formatPercent(value: Quantity, decimals = 1): string {
  return isPresent(value) ? `${(value * 100).toFixed(decimals).replace('-', '−')}${thinSpace}%` : missing;
}

/** A temperature: 61 °C. */
export function formatTemperature(celsius: Quantity): string {
  return isPresent(celsius) ? `${Math.round(celsius)}${thinSpace}°C`.replace('-', '−') : missing;
}

/** A whole number with groups of three digits: 12 400. */
export function formatCount(value: Quantity): string {
  if (!isPresent(value)) return missing;
  const text = String(Math.round(value));
  return text.length > 4 ? text.replace(/\B(?=(\d{3})+$)/g, thinSpace) : text;
}

/** A speed: 1240, 86, 4.2. */
export function formatRate(value: Quantity): string {
  if (!isPresent(value)) return missing;
  return value < 10 ? value.toFixed(1) : formatCount(value);
}

/** A duration by its two largest units: 45 s, 3 min 20 s, 2 h 5 min, 1 d 4 h. */
export function formatDuration(seconds: Quantity): string {
  if (!isPresent(seconds)) return missing;
  if (seconds < 10) return seconds < 1 ? 'under 1 s' : `${Math.round(seconds)} s`;
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  const whole = Math.round(seconds);
  const index = units.findIndex(([, size]) => whole >= size);
  const [name, size] = units[index] ?? ['s', 1];
  const count = Math.floor(whole / size);
  const next = units[index + 1];
  const rest = next ? Math.floor((whole - count * size) / next[1]) : 0;
  return next && rest > 0 ? `${count} ${name} ${rest} ${next[0]}` : `${count} ${name}`;
}

/** A duration that is expected: about 4 min. */
export function formatEstimate(seconds: number): string {
  const text = formatDuration(seconds);
  return text.startsWith('under') ? text : `about ${text}`;
}

/** A size in decimal units: 512 MB, 3.4 GB. */
export function formatBytes(bytes: Quantity): string {
  if (!isPresent(bytes)) return missing;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 9.95 && unit > 1 ? value.toFixed(1) : String(Math.round(value))} ${units[unit] ?? 'B'}`;
}

const timeOfDay = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dayAndMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const fullDate = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** When something was: `14:05` today, `12 Mar, 14:05` this year, `12 Mar 2024` before. */
export function formatWhen(iso: string | null, now: Date = new Date()): string {
  if (iso === null) return missing;
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return missing;
  if (date.toDateString() === now.toDateString()) return timeOfDay.format(date);
  return date.getFullYear() === now.getFullYear()
    ? `${dayAndMonth.format(date)}, ${timeOfDay.format(date)}`
    : fullDate.format(date);
}

const timeWithSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** A moment to the second: `14:05:09` today, `12 Mar, 14:05:09` before. */
export function formatMoment(iso: string, now: Date = new Date()): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return missing;
  const time = timeWithSeconds.format(date);
  return date.toDateString() === now.toDateString() ? time : `${dayAndMonth.format(date)}, ${time}`;
}

/** `1 run`, `3 runs`. */
export function formatPlural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
