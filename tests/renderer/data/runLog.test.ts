import { expect, it } from 'vitest';
import { filterLog, joinLogs, logText, type LogLine } from '../../../src/renderer/data/runLog.ts';

const line = (second: number, level: LogLine['level'], text: string): LogLine => ({
  at: `2026-03-01T10:00:0${second}.000Z`,
  level,
  text,
});
const lines = [line(1, 'info', 'Prepared'), line(2, 'warning', 'A Checkpoint is missing'), line(3, 'error', 'Lost')];

it('finds lines by level and by what they say', () => {
  const found = (levels: 'all' | 'notices', text: string): string[] =>
    filterLog(lines, { levels, text }).map((each) => each.text);
  expect(found('all', '')).toEqual(['Prepared', 'A Checkpoint is missing', 'Lost']);
  expect(found('notices', ' ')).toEqual(['A Checkpoint is missing', 'Lost']);
  expect(found('all', 'checkpoint')).toEqual(['A Checkpoint is missing']);
  expect(found('notices', 'prepared')).toEqual([]);
});

it('writes lines for a report', () => {
  expect(logText(lines.slice(0, 2))).toBe(
    '2026-03-01T10:00:01.000Z info    Prepared\n2026-03-01T10:00:02.000Z warning A Checkpoint is missing',
  );
});

it('takes each line once, whether it was read or came since', () => {
  const same = line(3, 'info', 'In the same moment');
  expect(joinLogs(lines, [line(2, 'info', 'old'), line(3, 'error', 'Lost'), same, line(4, 'info', 'new')])).toEqual([
    ...lines,
    same,
    line(4, 'info', 'new'),
  ]);
  expect(joinLogs([], lines)).toEqual(lines);
});
