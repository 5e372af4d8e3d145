import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { LabError } from '#shared/errors.ts';
import { acquireLabLock, readLabOwner } from '#main/store/labLock.ts';
import { acquireProcessLock, tryAcquireProcessLock } from '#main/store/processLock.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

/** Starts a second process and waits until it owns the folder. */
async function startOwner(directory: string): Promise<ChildProcess & { pid: number }> {
  const owner = fork(join(import.meta.dirname, 'fixtures', 'lockOwner.ts'), [directory], { execArgv: [] });
  onTestFinished(() => void owner.kill('SIGKILL'));
  const [message] = (await once(owner, 'message')) as [{ pid: number }];
  return Object.assign(owner, { pid: message.pid });
}

function labErrorOf(action: () => unknown): LabError {
  try {
    action();
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}

it('names the owner while another process has the folder, and gets in after that process was killed', async () => {
  const directory = temporaryDirectory();
  const owner = await startOwner(directory);

  const error = labErrorOf(() => acquireLabLock(directory, 'desktop'));
  expect(error.code).toBe('labInUse');
  expect(error.message).toContain(`process ${owner.pid} on ${hostname()} (the command line, since `);
  expect(error.hint).toContain('--lab');

  owner.kill('SIGKILL');
  await once(owner, 'exit');
  const lock = acquireLabLock(directory, 'desktop');
  expect(readLabOwner(directory)).toEqual(lock.owner);
  expect(lock.owner.pid).toBe(process.pid);
  lock.release();
});

it('waits for the owner to let go', async () => {
  const directory = temporaryDirectory();
  const owner = await startOwner(directory);
  const waitedFor: (number | undefined)[] = [];
  const lock = await acquireProcessLock(join(directory, 'owner.lock'), 'a test', {
    intervalMs: 5,
    onWait: (other) => {
      waitedFor.push(other?.pid);
      owner.send('release');
    },
  });
  expect(waitedFor).toEqual([owner.pid]);
  lock.release();
});

it('stops waiting when it is cancelled', async () => {
  const path = join(temporaryDirectory(), 'install.lock');
  const lock = tryAcquireProcessLock(path, 'a test');
  const controller = new AbortController();
  const waiting = acquireProcessLock(path, 'a test', { signal: controller.signal, onWait: () => controller.abort() });
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  await expect(acquireProcessLock(path, 'a test', { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'cancelled',
  });
  lock?.release();
});

it('lets one holder in at a time within a process, and the next after release', () => {
  const path = join(temporaryDirectory(), 'new', 'folder', 'install.lock');
  const first = tryAcquireProcessLock(path, 'a test');
  expect(first?.path).toBe(path);
  expect(tryAcquireProcessLock(path, 'a test')).toBeNull();
  first?.release();
  first?.release();
  expect(existsSync(join(path, '..', 'install.json'))).toBe(false);
  const second = tryAcquireProcessLock(path, 'a test');
  expect(second).not.toBeNull();
  second?.release();
});

it('says “another process” where the owner is not written down', () => {
  const directory = temporaryDirectory();
  const lock = acquireLabLock(directory, 'cli');
  writeFileSync(join(directory, 'owner.json'), 'not JSON');
  expect(labErrorOf(() => acquireLabLock(directory, 'web')).message).toBe(
    `The lab folder ${directory} is in use by another process.`,
  );
  lock.release();
});

it('refuses a folder below a file, and a lock file that is something else, and changes neither', () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), 'text');
  expect(labErrorOf(() => acquireLabLock(join(directory, 'file'), 'cli')).code).toBe('labNotWritable');
  const text = 'a diary, longer than the hundred bytes that SQLite reads as its header. '.repeat(20);
  writeFileSync(join(directory, 'owner.lock'), text);
  expect(labErrorOf(() => acquireLabLock(directory, 'cli')).message).toContain('is not a lock file');
  expect(readFileSync(join(directory, 'owner.lock'), 'utf8')).toBe(text);
});
