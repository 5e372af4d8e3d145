import { expect, it } from 'vitest';
import { judgeAudit } from '../../scripts/audit.mjs';

const answer = (vulnerabilities: object, counts: object): string =>
  JSON.stringify({ vulnerabilities, metadata: { vulnerabilities: { info: 0, total: 9, ...counts } } });

it('fails on a high or critical finding, and says which', () => {
  const found = {
    bad: { name: 'bad', severity: 'critical', range: '<2' },
    dull: { name: 'dull', severity: 'low', range: '*' },
  };
  expect(judgeAudit(answer(found, { critical: 1, low: 1 }))).toEqual({
    status: 'answered',
    lines: ['critical: bad <2', 'Audit of shipped packages: 1 critical, 1 low'],
    failed: true,
  });
});

it('takes less than that, and nothing, as in order', () => {
  const found = { dull: { name: 'dull', severity: 'moderate', range: '*' } };
  expect(judgeAudit(answer(found, { moderate: 1 }))).toMatchObject({ failed: false });
  expect(judgeAudit(answer({}, {})).lines).toEqual(['Audit of shipped packages: nothing known']);
});

it.each([
  [
    'an answer of a registry without audits',
    '{"message":"405 Method Not Allowed - POST somewhere","error":{"summary":""}}',
  ],
  ['no answer', ''],
  ['something else', '<html>'],
])('says clearly that it was not done with %s', (_what, text) => {
  const { status, lines, failed } = judgeAudit(text);
  expect({ status, failed }).toEqual({ status: 'unanswered', failed: false });
  expect(lines[0]).toContain('NOT DONE');
  expect(lines[0]).not.toContain('somewhere');
});
