// Asks the registry about known weaknesses of the packages that are shipped; fails on high and critical ones.
// A registry that does not answer audits, or none in reach, is said clearly and is no failure.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What an audit's answer comes to.
 * @param {string} text Of `npm audit --json`.
 * @returns {{ status: 'answered' | 'unanswered', lines: string[], failed: boolean }}
 */
export function judgeAudit(text) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = null;
  }
  const counts = answer?.metadata?.vulnerabilities;
  if (typeof counts !== 'object' || counts === null) {
    const reason = answer?.error?.summary || answer?.message || 'no answer that could be read';
    return {
      status: 'unanswered',
      lines: [
        `Audit: NOT DONE. The registry does not answer audits (${String(reason)
          .split(/[.\n-]/)[0]
          .trim()}).`,
      ],
      failed: false,
    };
  }
  const severe = Object.values(answer.vulnerabilities ?? {}).filter(({ severity }) =>
    ['high', 'critical'].includes(severity),
  );
  const total = Object.entries(counts)
    .filter(([severity, count]) => severity !== 'total' && count > 0)
    .map(([severity, count]) => `${count} ${severity}`);
  return {
    status: 'answered',
    lines: [
      ...severe.map(({ name, severity, range }) => `${severity}: ${name} ${range}`),
      `Audit of shipped packages: ${total.join(', ') || 'nothing known'}`,
    ],
    failed: severe.length > 0,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const project = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
    cwd: project,
    encoding: 'utf8',
    timeout: 120_000,
    shell: process.platform === 'win32',
  });
  const { lines, failed } = judgeAudit(stdout ?? '');
  console.log(lines.join('\n'));
  process.exitCode = failed ? 1 : 0;
}
