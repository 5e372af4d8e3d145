import { describe, expect, it } from 'vitest';
import { JobRegistry, type JobTask } from '#main/contract/jobs.ts';
import type { JobRecord } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';

const task = (run: JobTask['run'], key?: string): JobTask => ({
  kind: 'importDataset',
  title: 'Import',
  unit: 'images',
  run,
  ...(key === undefined ? {} : { key }),
});

/** Ends only when it is cancelled. */
const endless: JobTask['run'] = ({ signal }) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });

describe('JobRegistry', () => {
  it('reports progress with the time left, and the result', async () => {
    const changes: JobRecord[] = [];
    let now = 0;
    const jobs = new JobRegistry(
      (record) => changes.push(record),
      () => now,
    );
    const { id } = jobs.start(
      task(({ report }) => {
        report({ phase: 'reading', done: 0, total: 100 });
        now = 2000;
        report({ phase: 'reading', done: 20, total: 100 });
        report({ phase: 'verifying', done: 3, total: null, unit: 'bytes' });
        return Promise.resolve('cifar-10');
      }),
    );
    const last = await jobs.wait(id);
    expect(changes.map(({ phase, done, total, unit, secondsLeft }) => [phase, done, total, unit, secondsLeft])).toEqual(
      [
        ['Starting', 0, null, 'images', null],
        ['reading', 0, 100, 'images', null],
        // 20 images in two seconds: 80 take eight.
        ['reading', 20, 100, 'images', 8],
        ['verifying', 3, null, 'bytes', null],
        ['Done', 3, null, 'bytes', null],
      ],
    );
    expect(last).toMatchObject({ state: 'done', result: 'cifar-10', error: null });
    expect(jobs.list()).toEqual([last]);
  });

  it('keeps the error of a job that failed', async () => {
    const jobs = new JobRegistry(() => undefined);
    const error = new LabError('invalidDataset', 'It is empty.', 'Copy it again.');
    const { id } = jobs.start(task(() => Promise.reject(error)));
    expect(await jobs.wait(id)).toMatchObject({
      state: 'failed',
      error: { code: 'invalidDataset', message: 'It is empty.', hint: 'Copy it again.' },
    });
  });

  it('cancels, and knows no job of another name', async () => {
    const jobs = new JobRegistry(() => undefined);
    const { id } = jobs.start(task(endless));
    expect(jobs.cancel(id)).toMatchObject({ state: 'running', phase: 'Cancelling' });
    expect(await jobs.wait(id)).toMatchObject({ state: 'cancelled', error: null });
    expect(jobs.cancel(id).state).toBe('cancelled');
    expect(() => jobs.cancel('nobody')).toThrow(LabError);
  });

  it('cancels work that has begun', async () => {
    const jobs = new JobRegistry(() => undefined);
    const begun = Promise.withResolvers<undefined>();
    const { id } = jobs.start(
      task((context) => {
        begun.resolve(undefined);
        return endless(context);
      }),
    );
    await begun.promise;
    jobs.cancel(id);
    expect(await jobs.wait(id)).toMatchObject({ state: 'cancelled', error: null });
  });

  it('starts the same work once at a time', async () => {
    const jobs = new JobRegistry(() => undefined);
    const first = jobs.start(task(endless, 'example'));
    expect(jobs.start(task(endless, 'example')).id).toBe(first.id);
    expect(jobs.start(task(endless, 'other')).id).not.toBe(first.id);
    await jobs.close();
    expect(jobs.list().map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
    expect(jobs.start(task(() => Promise.resolve(null), 'example')).id).not.toBe(first.id);
  });
});
