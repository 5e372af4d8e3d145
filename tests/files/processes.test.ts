import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { identifyProcess, isProcessAlive, isSameProcessAlive } from '#files/processes.ts';

/** No process has this id: the largest that Linux gives is 4194304. */
const noProcess = 99_999_999;

describe('a process', () => {
  it('is known by its id, machine and start', () => {
    const self = identifyProcess(process.pid);
    expect(isSameProcessAlive(self)).toBe(true);
    expect(isSameProcessAlive({ ...self, hostName: 'another machine' })).toBe(false);
    expect(isSameProcessAlive({ ...self, processStart: '1' })).toBe(self.processStart === null);
    // Where nothing is known of its start, the id has to do.
    expect(isSameProcessAlive({ ...self, processStart: null })).toBe(true);
    expect(isProcessAlive(noProcess)).toBe(false);
    expect(isSameProcessAlive(identifyProcess(noProcess))).toBe(false);
  });

  it.runIf(existsSync('/proc/self/stat'))('that ended does not run, whether or not its parent noticed', async () => {
    // `exec` replaces the shell by a program that never asks how the shell's children ended.
    const parent = spawn('/bin/sh', ['-c', 'tail -f /dev/null & echo $!; exec tail -f /dev/null'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(async () => {
      const closed = once(parent, 'close');
      parent.kill('SIGKILL');
      await closed;
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number(line.toString());
    // A shell that is still there may notice.
    await vi.waitUntil(() => readFileSync(`/proc/${parent.pid ?? noProcess}/comm`, 'utf8') === 'tail\n', {
      interval: 2,
    });
    expect(isProcessAlive(child)).toBe(true);
    process.kill(child, 'SIGKILL');
    await vi.waitUntil(() => !isProcessAlive(child), { interval: 2 });
    expect(readFileSync(`/proc/${child}/stat`, 'utf8')).toMatch(/\) Z /);
    expect(isProcessAlive(parent.pid ?? noProcess)).toBe(true);
  });
});
