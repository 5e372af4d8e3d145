import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { identifyProcess, type ProcessIdentity } from '#files/processes.ts';
import { isLockLeftover, lockRun } from '#trainer/runLock.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-run-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Leaves a lock as this owner would. */
async function leaveLock(owner: ProcessIdentity): Promise<void> {
  await mkdir(join(directory, '.trainer'));
  await writeFile(join(directory, '.trainer', 'owner.json'), JSON.stringify(owner));
}

it('makes the folder, locks it and leaves nothing behind', async () => {
  const folder = join(directory, 'runs', 'checkpoints');
  const lock = await lockRun(folder);
  expect(await readdir(folder)).toEqual(['.trainer']);
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
});

it('takes over the lock of a process that is gone, and one that cannot be read', async () => {
  // No process has this id: the largest that Linux gives is 4194304.
  await leaveLock({ ...identifyProcess(process.pid), processId: 99_999_999 });
  await (await lockRun(directory)).release();
  await mkdir(join(directory, '.trainer'));
  await writeFile(join(directory, '.trainer', 'owner.json'), '{');
  await (await lockRun(directory)).release();
  expect((await readdir(directory)).filter((name) => !isLockLeftover(name))).toEqual([]);
});

it('waits for another living trainer, and says which one where it does not end', async () => {
  const other = identifyProcess(process.ppid);
  await leaveLock(other);
  await expect(lockRun(directory, 0)).rejects.toThrow(
    expect.objectContaining({
      code: 'invalidState',
      message: expect.stringContaining(`process ${process.ppid}`) as string,
    }) as Error,
  );
  const waiting = lockRun(directory);
  await rm(join(directory, '.trainer'), { recursive: true });
  await (await waiting).release();
});
