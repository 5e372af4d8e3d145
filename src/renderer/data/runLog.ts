import type { RunDetail } from '#shared/contract.ts';

export type LogLine = RunDetail['log'][number];

export interface LogFilter {
  /** `notices`: warnings and errors only. */
  levels: 'all' | 'notices';
  /** What lines have to contain, in any case. */
  text: string;
}

export function filterLog(lines: readonly LogLine[], { levels, text }: LogFilter): LogLine[] {
  const wanted = text.trim().toLowerCase();
  return lines.filter(
    (line) => (levels === 'all' || line.level !== 'info') && line.text.toLowerCase().includes(wanted),
  );
}

/** Lines as text for a report: time in UTC, level, what was said. */
export function logText(lines: readonly LogLine[]): string {
  return lines.map(({ at, level, text }) => `${at} ${level.padEnd(7)} ${text}`).join('\n');
}

/** What is read from the lab and what came since, each line once and in order. */
export function joinLogs(read: readonly LogLine[], since: readonly LogLine[]): LogLine[] {
  const last = read.at(-1);
  const known = new Set(read.filter(({ at }) => at === last?.at).map(({ text }) => text));
  const fresh = since.filter(
    ({ at, text }) => last === undefined || at > last.at || (at === last.at && !known.has(text)),
  );
  return [...read, ...fresh];
}
