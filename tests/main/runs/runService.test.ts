import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { HealthMonitor } from '#main/health/healthMonitor.ts';
import {
  checkpointDirectory,
  chooseCheckpoint,
  removeOldCheckpoints,
  runDirectory,
} from '#main/runs/checkpointFiles.ts';
import { idleForMs } from '#main/runs/idleWatch.ts';
import type { RunEventBatch } from '#main/runs/runEvents.ts';
import type { Store } from '#main/store/store.ts';
import type { RunState } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import { exampleHealth } from '../health/exampleHealth.ts';
import { endAfterTest } from '../endAfterTest.ts';
import { fakeLauncher, openServiceFixture, type ServiceFixture } from './fakes.ts';

const ownerEntry = new URL('fixtures/runOwner.ts', import.meta.url).pathname;

let fixture: ServiceFixture | null = null;
afterEach(async () => {
  await fixture?.close();
  fixture = null;
});

async function open(...parameters: Parameters<typeof openServiceFixture>): Promise<ServiceFixture> {
  return (fixture = await openServiceFixture(...parameters));
}

/** Loss series of the fake trainer: seed + 1/(step + 1). */
const expectedLosses = (seed: number): number[] => Array.from({ length: 20 }, (_, index) => seed + 1 / (index + 2));

function only(ids: readonly string[]): string {
  const [id] = ids;
  if (id === undefined || ids.length !== 1) throw new Error('one run expected');
  return id;
}

/** Resolves once a run has a checkpoint of this step. */
async function untilCheckpoint({ store }: ServiceFixture, runId: string, step: number): Promise<void> {
  await vi.waitUntil(() => store.runs.listCheckpoints(runId)[0]?.step === step, { timeout: 20_000, interval: 5 });
}

const logOf = ({ service }: ServiceFixture, runId: string): string =>
  service
    .log(runId)
    .map(({ text }) => text)
    .join('\n');

describe('a run', () => {
  it('goes through its states and leaves metrics, checkpoints, environment and summary', async () => {
    const lab = await open(fakeLauncher());
    const states: RunState[] = [];
    lab.service.observe(({ changed }) => {
      for (const run of changed) if (states.at(-1) !== run.state) states.push(run.state);
    });
    const id = only(await lab.createRuns([3]));
    lab.service.start([id]);
    const [run] = await lab.service.whenEnded([id]);
    expect(run).toMatchObject({
      state: 'done',
      error: null,
      summary: { steps: 20 },
      progress: { step: 20 },
      environment: { engine: { title: 'Fake' } },
    });
    expect(states).toEqual(['preparing', 'running', 'done']);
    expect(lab.store.runs.get(id)).toEqual(run);
    expect([...lab.store.metrics.read(id, 'train/loss').values]).toEqual(expectedLosses(3));
    // Two of them are kept.
    expect(lab.store.runs.listCheckpoints(id).map(({ step }) => step)).toEqual([20, 15]);
    expect((await readdir(checkpointDirectory(lab.directory, id))).toSorted()).toEqual([
      'step-15.safetensors',
      'step-20.safetensors',
    ]);
  });

  it('fails with what the trainer says', async () => {
    const lab = await open(fakeLauncher('fail'));
    const ids = await lab.createRuns([1]);
    lab.service.start(ids);
    expect(await lab.service.whenEnded(ids)).toMatchObject([
      { state: 'failed', error: { code: 'engineFailed', message: 'No engine here.' } },
    ]);
  });

  it('diverges as a result, with the step at which it did', async () => {
    const lab = await open(fakeLauncher('diverge'));
    const ids = await lab.createRuns([1]);
    lab.service.start(ids);
    expect(await lab.service.whenEnded(ids)).toMatchObject([
      { state: 'diverged', error: { message: expect.stringContaining('after step 11') as string } },
    ]);
  });

  it('refuses data other than it was made for', async () => {
    const lab = await open(fakeLauncher());
    const id = only(await lab.createRuns([1]));
    const run = lab.service.get(id);
    const dataset = { ...run.document.dataset, checksum: 'b'.repeat(64) };
    lab.store.runs.update(id, { document: { ...run.document, dataset } });
    lab.service.start([id]);
    expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'failed', error: { code: 'invalidDataset' } }]);
  });
});

describe('the queue', () => {
  it('trains in order of creation, one at a time, and survives a lost trainer', async () => {
    const lab = await open(fakeLauncher({ 1: 'normal', 2: 'crash', 3: 'normal' }));
    const order: string[] = [];
    let most = 0;
    lab.service.observe(({ changed }) => {
      most = Math.max(most, lab.service.queueState().training.length);
      for (const run of changed) if (run.state === 'running' && order.at(-1) !== run.id) order.push(run.id);
    });
    const ids = await lab.createRuns([1, 2, 3]);
    lab.service.start([...ids].reverse());
    const runs = await lab.service.whenEnded(ids);
    expect(runs.map((run) => run.state)).toEqual(['done', 'lost', 'done']);
    expect(runs[1]?.error?.message).toContain('memory ran out');
    expect(order).toEqual(ids);
    expect(most).toBe(1);
  });

  it('trains several at a time where it may', async () => {
    const lab = await open(fakeLauncher('endless'), { concurrency: 2 });
    const ids = await lab.createRuns([1, 2, 3]);
    lab.service.start();
    await vi.waitUntil(() => lab.service.list({ states: ['running'] }).length === 2, { timeout: 20_000, interval: 5 });
    expect(lab.service.queueState()).toMatchObject({ training: ids.slice(0, 2), waiting: ids.slice(2), halted: null });
  });

  it('starts nothing while it is paused, also after the lab is opened again', async () => {
    const lab = await open(fakeLauncher());
    const ids = await lab.createRuns([1, 2, 3]);
    lab.service.setQueue({ paused: true, trainersAtOnce: 2 });
    lab.service.start(ids.slice(0, 2));
    lab.service.move(ids[1] ?? '', 'up');
    const again = lab.reopen(fakeLauncher());
    expect(again.queueState()).toMatchObject({
      training: [],
      waiting: [],
      unstarted: [ids[1], ids[0], ids[2]],
      settings: { paused: true, trainersAtOnce: 2, startWhenIdle: false },
    });
    again.start(ids.slice(0, 2));
    expect(again.queueState()).toMatchObject({
      waiting: [ids[1], ids[0]],
      unstarted: [ids[2]],
      waitsFor: { reason: 'paused' },
    });
    again.setQueue({ paused: false });
    expect(again.queueState().training).toEqual([ids[1], ids[0]]);
    expect((await again.whenEnded(ids.slice(0, 2))).map((run) => run.state)).toEqual(['done', 'done']);
  });

  it('halts where a fault of the machine ends one run after another before its first step, and touches no more', async () => {
    const lab = await open(fakeLauncher(JSON.stringify({ 1: 'fail', 2: 'exit', 4: 'fail', 5: 'fail', 6: 'exit' })));
    const ids = await lab.createRuns([1, 2, 3, 4, 5, 6, 7, 8]);
    lab.service.start(ids);
    const states = (await lab.service.whenEnded(ids)).map(({ state }) => state);
    expect(states).toEqual(['failed', 'lost', 'done', 'failed', 'failed', 'lost', 'queued', 'queued']);
    expect(lab.service.queueState().halted).toMatchObject({
      code: 'trainerLost',
      message: expect.stringMatching(/^3 runs in a row came to nothing, .*exit status 3/) as string,
      hint: expect.stringContaining('start the queue when the cause is mended') as string,
    });
    lab.service.start();
    expect((await lab.service.whenEnded(ids)).slice(6).map(({ state }) => state)).toEqual(['done', 'done']);
  });

  it('halts with the reason where the database cannot be read any more, and does not end', async () => {
    let isDamaged = false;
    const lab = await open(fakeLauncher(), {
      wrapStore: (store) => ({
        ...store,
        queue: {
          ...store.queue,
          list: () => {
            if (isDamaged) throw new LabError('labDamaged', 'Pages are damaged.', 'Repair the lab.');
            return store.queue.list();
          },
        },
      }),
    });
    lab.service.observe(() => {
      throw new Error('An observer that reads, and cannot.');
    });
    const ids = await lab.createRuns([1, 2]);
    lab.service.start(ids);
    isDamaged = true;
    await vi.waitUntil(() => lab.store.runs.get(ids[0] ?? '')?.state === 'done', { timeout: 20_000 });
    isDamaged = false;
    await vi.waitUntil(() => lab.service.queueState().training.length === 0);
    expect(lab.service.queueState()).toMatchObject({ halted: { code: 'labDamaged' }, unstarted: [ids[1]] });
    lab.service.start();
    expect(await lab.service.whenEnded([ids[1] ?? ''])).toMatchObject([{ state: 'done' }]);
  });

  it('halts at once where the lab’s folder cannot be written any more, and leaves the runs that wait', async () => {
    const gone = new LabError('labNotWritable', 'The folder is away.', 'Bring it back.');
    const lab = await open(fakeLauncher(), {
      wrapStore: (store) => ({
        ...store,
        runs: {
          ...store.runs,
          addCheckpoint: () => {
            throw gone;
          },
        },
      }),
    });
    const ids = await lab.createRuns([1, 2, 3]);
    lab.service.start(ids);
    expect((await lab.service.whenEnded(ids)).map(({ state }) => state)).toEqual(['failed', 'queued', 'queued']);
    expect(lab.service.queueState().halted).toMatchObject({ code: 'labNotWritable' });
  });

  it('starts another trainer only where its memory fits beside those that train', async () => {
    let freeMemoryBytes = 3e9;
    const machine = {
      now: () => 0,
      readTimes: () => ({ busyMs: 0, totalMs: 0 }),
      freeMemoryBytes: () => freeMemoryBytes,
    };
    const lab = await open(fakeLauncher('endless'), { concurrency: 3, machine });
    lab.service.estimateMemoryWith(() => ({ memoryBytes: 1.4e9, cardBytes: null }));
    const ids = await lab.createRuns([1, 2, 3]);
    lab.service.start(ids);
    expect(lab.service.queueState()).toMatchObject({
      training: ids.slice(0, 2),
      waitsFor: { reason: 'memory', message: expect.stringContaining('1.4 GB of memory; 200 MB are left') as string },
    });
    freeMemoryBytes = 4.2e9;
    lab.service.setQueue({});
    expect(lab.service.queueState()).toMatchObject({ training: ids, waitsFor: null });
  });

  it('starts another trainer on a graphics card only where it fits beside what the others were seen to hold', async () => {
    let [nowMs, memoryUsedBytes] = [0, 0];
    // The name of the device that the fake trainer trains on.
    const card = { name: 'none', load: 0, memoryBytes: 24e9, temperatureCelsius: null };
    const health = new HealthMonitor(
      () => Promise.resolve({ ...exampleHealth, gpus: [{ ...card, memoryUsedBytes }] }),
      { now: () => nowMs },
    );
    const readCard = async (usedBytes: number): Promise<void> => {
      memoryUsedBytes = usedBytes;
      nowMs += 10_000;
      await health.read();
      lab.service.setQueue({});
    };
    const lab = await open(fakeLauncher('endless'), { concurrency: 2, health });
    const wait = (): string | undefined => lab.service.queueState().waitsFor?.message;
    lab.service.estimateMemoryWith(() => ({ memoryBytes: 1, cardBytes: 5e9 }));
    await health.read();
    const ids = await lab.createRuns([1, 2]);
    lab.service.start(ids);
    expect(wait()).toContain('shows in their first steps');
    await untilCheckpoint(lab, ids[0] ?? '', 10);
    lab.service.setQueue({});
    expect(wait()).toContain('shows in their first steps');
    await readCard(20e9);
    expect(wait()).toContain('5.0 GB of the memory of none; 4.0 GB are left');
    await readCard(19e9);
    expect(lab.service.queueState()).toMatchObject({ training: ids, waitsFor: null });
  });

  it('starts when the machine has idled long enough', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    let [nowMs, busyMs] = [0, 0];
    const machine = { now: () => nowMs, readTimes: () => ({ busyMs, totalMs: 2 * nowMs }), freeMemoryBytes: () => 1e9 };
    const pass = (ms: number, busyShare: number): void => {
      for (let passed = 0; passed < ms; passed += 5000) {
        nowMs += 5000;
        busyMs += 2 * 5000 * busyShare;
        vi.advanceTimersByTime(5000);
      }
    };
    const lab = await open(fakeLauncher(), { machine });
    const ids = await lab.createRuns([1]);
    lab.service.setQueue({ startWhenIdle: true });
    lab.service.start(ids);
    expect(lab.service.queueState()).toMatchObject({ training: [], waitsFor: { reason: 'busyMachine' } });
    pass(idleForMs - 5000, 0.1);
    expect(lab.service.queueState().training).toEqual([]);
    // Someone works for a moment: the time begins again.
    pass(5000, 0.6);
    pass(idleForMs - 5000, 0.1);
    expect(lab.service.queueState().training).toEqual([]);
    pass(5000, 0.1);
    expect(lab.service.queueState().training).toEqual(ids);
  });

  it('leaves queued runs of an earlier session alone until asked', async () => {
    const lab = await open(fakeLauncher());
    const [first, second] = [only(await lab.createRuns([1])), only(await lab.createRuns([2]))];
    lab.service.start([second]);
    await lab.service.whenEnded([second]);
    expect(lab.service.get(first).state).toBe('queued');
  });

  it('hands every change to observers in numbered batches', async () => {
    const lab = await open(fakeLauncher('chatty'));
    const batches: RunEventBatch[] = [];
    lab.service.observe((batch) => batches.push(batch));
    const ids = await lab.createRuns([1]);
    lab.service.start(ids);
    await lab.service.whenEnded(ids);
    expect(batches.map(({ sequence }) => sequence)).toEqual(batches.map((_, index) => index + 1));
    expect(batches.flatMap(({ changed }) => changed).at(-1)?.state).toBe('done');
    expect(batches.some(({ metricsAppended }) => metricsAppended.includes(only(ids)))).toBe(true);
  });
});

describe('stopping', () => {
  it('stops with a checkpoint, and resuming makes the series that an unbroken run has', async () => {
    const lab = await open(fakeLauncher('endless'));
    const id = only(await lab.createRuns([7]));
    lab.service.start([id]);
    await untilCheckpoint(lab, id, 10);
    await vi.waitUntil(() => lab.service.get(id).progress?.step === 12, { timeout: 20_000, interval: 5 });
    lab.service.stop(id);
    await lab.service.whenEnded([id]);
    expect(lab.service.get(id)).toMatchObject({ state: 'stopped', summary: { steps: 12 } });
    lab.service.resume(id);
    const [run] = await lab.service.whenEnded([id]);
    expect(run).toMatchObject({ state: 'done', resumeCount: 1, error: null });
    expect([...lab.store.metrics.read(id, 'train/loss').values]).toEqual(expectedLosses(7));
    expect(logOf(lab, id)).toContain('Going on from step 12.');
  });

  it('pauses with a checkpoint, goes on with the next, and resumes to the series of an unbroken run', async () => {
    const lab = await open(fakeLauncher({ 7: 'endless', 8: 'normal' }));
    const ids = await lab.createRuns([7, 8]);
    const [id = '', next = ''] = ids;
    lab.service.start(ids);
    await untilCheckpoint(lab, id, 10);
    await vi.waitUntil(() => lab.service.get(id).progress?.step === 12, { timeout: 20_000, interval: 5 });
    lab.service.pause(id);
    expect(() => lab.service.pause(id)).toThrow(expect.objectContaining({ code: 'invalidState' }) as Error);
    const runs = await lab.service.whenEnded(ids);
    expect(runs).toMatchObject([{ state: 'paused', summary: { steps: 12 }, error: null }, { state: 'done' }]);
    lab.service.resume(id);
    expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'done', resumeCount: 1 }]);
    expect([...lab.store.metrics.read(id, 'train/loss').values]).toEqual(expectedLosses(7));
    expect(() => lab.service.pause(next)).toThrow('is done and cannot be paused');
  });

  it('lets what trains wait again when the lab is closed, and goes on to the series of an unbroken run', async () => {
    const lab = await open(fakeLauncher({ 1: 'endless', 2: 'endless', 3: 'normal' }), { concurrency: 2 });
    const ids = await lab.createRuns([1, 2, 3]);
    const [trains = '', stopped = ''] = ids;
    lab.service.start(ids);
    for (const id of [trains, stopped]) {
      await vi.waitUntil(() => lab.service.get(id).progress?.step === 12, { timeout: 20_000, interval: 5 });
    }
    lab.service.stop(stopped);
    await lab.service.close({ graceful: true });
    const left = ids.map((id) => lab.store.runs.get(id));
    expect(left).toMatchObject([
      { state: 'queued', summary: null, error: null, finishedAt: null, resumeCount: 1, progress: { step: 12 } },
      { state: 'stopped' },
      { state: 'queued' },
    ]);
    expect(lab.service.checkpoints(trains)[0]?.step).toBe(12);
    const again = lab.reopen(fakeLauncher());
    expect(again.recoverInterrupted()).toEqual([]);
    expect(again.queueState().unstarted).toEqual([trains, ids[2]]);
    again.start();
    expect((await again.whenEnded(ids)).map(({ state }) => state)).toEqual(['done', 'stopped', 'done']);
    expect([...lab.store.metrics.read(trains, 'train/loss').values]).toEqual(expectedLosses(1));
    expect(again.log(trains).map(({ text }) => text)).toContain('Going on from step 12.');
  });

  it('lets a pause that is under way become a stop, with its checkpoint', async () => {
    const lab = await open(fakeLauncher('endless'));
    const id = only(await lab.createRuns([2]));
    lab.service.start([id]);
    await untilCheckpoint(lab, id, 10);
    lab.service.pause(id);
    lab.service.stop(id);
    expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'stopped', error: null }]);
    expect(lab.service.checkpoints(id)[0]?.step).toBeGreaterThanOrEqual(10);
    expect(lab.service.checkpoints(id)[0]?.step).toBe(lab.service.get(id).progress?.step);
  });

  it('pauses a waiting run, which can be stopped then', async () => {
    const lab = await open(fakeLauncher());
    const [first = '', second = ''] = await lab.createRuns([1, 2]);
    lab.service.setQueue({ paused: true });
    lab.service.start([first, second]);
    expect(lab.service.pause(second).state).toBe('paused');
    expect(lab.service.queueState().waiting).toEqual([first]);
    expect(lab.service.stop(second).state).toBe('stopped');
  });

  it('ends at once the second time, and says from where it would go on', async () => {
    const lab = await open(fakeLauncher('hang'));
    const id = only(await lab.createRuns([1]));
    lab.service.start([id]);
    await untilCheckpoint(lab, id, 10);
    lab.service.stop(id);
    expect(lab.service.get(id).state).toBe('stopping');
    lab.service.stop(id);
    const [run] = await lab.service.whenEnded([id]);
    expect(run).toMatchObject({
      state: 'stopped',
      error: { code: 'cancelled', hint: 'Resume it to go on from step 10.' },
    });
  });

  it('ends a trainer that does not stop in time', async () => {
    const lab = await open(fakeLauncher('hang'), { stopTimeoutMs: 20 });
    const id = only(await lab.createRuns([1]));
    lab.service.start([id]);
    await untilCheckpoint(lab, id, 10);
    await vi.waitUntil(() => lab.service.get(id).progress?.step === 12, { timeout: 20_000, interval: 5 });
    lab.service.stop(id);
    expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'stopped' }]);
    expect(logOf(lab, id)).toContain('did not stop in time');
  });

  it('takes a waiting run out of the queue, and refuses a run that has ended', async () => {
    const lab = await open(fakeLauncher());
    const ids = await lab.createRuns([1, 2]);
    lab.service.start(ids);
    lab.service.stop(ids[1] ?? '');
    const runs = await lab.service.whenEnded(ids);
    expect(runs.map((run) => run.state)).toEqual(['done', 'stopped']);
    expect(() => lab.service.stop(ids[0] ?? '')).toThrow(expect.objectContaining({ code: 'invalidState' }) as Error);
    expect(() => lab.service.resume(ids[0] ?? '')).toThrow(expect.objectContaining({ code: 'invalidState' }) as Error);
  });

  it('interrupts with a checkpoint and leaves the rest queued', async () => {
    const lab = await open(fakeLauncher('endless'));
    const ids = await lab.createRuns([1, 2]);
    lab.service.start(ids);
    await untilCheckpoint(lab, ids[0] ?? '', 10);
    lab.service.interrupt();
    const runs = await lab.service.whenEnded(ids);
    expect(runs.map((run) => run.state)).toEqual(['stopped', 'queued']);
  });

  it.each([
    [true, { state: 'queued', error: null }],
    [false, { state: 'stopped', error: { code: 'cancelled' } }],
  ])('closes without an orphan (graceful: %s)', async (graceful, expected) => {
    const lab = await open(fakeLauncher('endless'));
    const id = only(await lab.createRuns([1]));
    lab.service.start([id]);
    await untilCheckpoint(lab, id, 10);
    const pid = lab.service.trainerPid(id) ?? 0;
    await lab.service.close({ graceful });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(lab.store.runs.get(id)).toMatchObject(expected);
  });
});

describe('resuming after a loss', () => {
  async function lose(seed = 4): Promise<[ServiceFixture, string]> {
    const lab = await open(fakeLauncher('crash'));
    const id = only(await lab.createRuns([seed]));
    lab.service.start([id]);
    expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'lost' }]);
    return [lab, id];
  }

  async function resume(lab: ServiceFixture, id: string): Promise<void> {
    lab.service.resume(id);
    expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'done' }]);
    expect([...lab.store.metrics.read(id, 'train/loss').values]).toEqual(expectedLosses(4));
    expect([...lab.store.metrics.read(id, 'validation/loss').steps]).toEqual([0]);
  }

  it('goes on from the newest checkpoint and cuts later points', async () => {
    const [lab, id] = await lose();
    await resume(lab, id);
    expect(logOf(lab, id)).toContain('Going on from step 10.');
  });

  it('takes the one before where the newest file is missing', async () => {
    const [lab, id] = await lose();
    const newest = lab.store.runs.listCheckpoints(id)[0]?.file ?? '';
    await unlink(newest);
    await resume(lab, id);
    expect(logOf(lab, id)).toMatch(/step 10 is missing[\s\S]*Going on from step 5/);
  });

  it('takes the one before where the newest file is cut short or damaged inside', async () => {
    const [lab, id] = await lose();
    const [newest, previous] = lab.store.runs.listCheckpoints(id);
    await truncate(newest?.file ?? '', 3);
    await writeFile(previous?.file ?? '', 'broken');
    await resume(lab, id);
    expect(logOf(lab, id)).toMatch(/step 10 is damaged[\s\S]*step 5 cannot be used[\s\S]*Going on from the start/);
  });

  it('lists only checkpoints whose files are there, and drops the records of others', async () => {
    const [lab, id] = await lose();
    await unlink(lab.store.runs.listCheckpoints(id)[1]?.file ?? '');
    expect(lab.service.checkpoints(id).map(({ step }) => step)).toEqual([10]);
    await chooseCheckpoint(lab.store.runs, lab.directory, id);
    expect(lab.store.runs.listCheckpoints(id).map(({ step }) => step)).toEqual([10]);
  });

  it.each<[rule: object, kept: [step: number, validationLoss: number | null, reasons: string[]][]]>([
    [
      { keepLast: 1 },
      [
        [20, 2, ['last']],
        [5, 1, ['best']],
      ],
    ],
    [{ keepLast: 1, keepBest: false }, [[20, 2, ['last']]]],
    [
      { keepLast: 2 },
      [
        [20, 2, ['last']],
        [15, 3, ['last']],
        [5, 1, ['best']],
      ],
    ],
    // An epoch has ten steps.
    [
      { keepLast: 1, keepEvery: { unit: 'epochs', value: 1 } },
      [
        [20, 2, ['last', 'every']],
        [10, null, ['every']],
        [5, 1, ['best']],
      ],
    ],
    [
      { keepLast: 1, keepEvery: { unit: 'steps', value: 15 } },
      [
        [20, 2, ['last']],
        [15, 3, ['every']],
        [5, 1, ['best']],
      ],
    ],
  ])('keeps what the rule %o says, and nothing else', async (rule, kept) => {
    const lab = await open(fakeLauncher('evaluates'));
    const id = only(await lab.createRuns([4], { checkpoints: rule }));
    lab.service.start([id]);
    expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'done' }]);
    const shown = lab.service.checkpoints(id).map((each) => [each.step, each.validationLoss, each.reasons]);
    expect(shown).toEqual(kept);
    const files = (await readdir(checkpointDirectory(lab.directory, id))).map((name) => Number(/\d+/.exec(name)));
    expect(files.toSorted((left, right) => right - left)).toEqual(kept.map(([step]) => step));
  });

  it('removes nothing for a newer checkpoint whose file is not there', async () => {
    const lab = await open(fakeLauncher('evaluates'));
    const id = only(await lab.createRuns([4], { checkpoints: { keepLast: 4 } }));
    lab.service.start([id]);
    await lab.service.whenEnded([id]);
    const run = lab.service.get(id);
    const rule = { ...run, document: { ...run.document, checkpoints: { ...run.document.checkpoints, keepLast: 1 } } };
    for (const step of [20, 15]) await unlink(join(checkpointDirectory(lab.directory, id), `step-${step}.safetensors`));
    expect(removeOldCheckpoints(lab.store, lab.directory, rule, 10)).toEqual([]);
    expect(lab.store.runs.listCheckpoints(id).map(({ step }) => step)).toEqual([10, 5]);
    for (const step of [10, 5]) await unlink(join(checkpointDirectory(lab.directory, id), `step-${step}.safetensors`));
    removeOldCheckpoints(lab.store, lab.directory, rule, 10);
    expect(lab.store.runs.listCheckpoints(id).map(({ step }) => step)).toEqual([10, 5]);
  });

  it('removes nothing while losses cannot be read, because the best one is not known then', async () => {
    const lab = await open(fakeLauncher('evaluates'));
    const id = only(await lab.createRuns([4], { checkpoints: { keepLast: 4 } }));
    lab.service.start([id]);
    await lab.service.whenEnded([id]);
    const run = lab.service.get(id);
    const rule = { ...run, document: { ...run.document, checkpoints: { ...run.document.checkpoints, keepLast: 1 } } };
    const damaged = {
      ...lab.store,
      metrics: {
        ...lab.store.metrics,
        readReadable: () => {
          throw new LabError('labDamaged', 'A series is damaged.', 'Repair it.');
        },
      },
    };
    removeOldCheckpoints(damaged, lab.directory, rule, 10);
    expect(lab.service.checkpoints(id)).toHaveLength(4);
    removeOldCheckpoints(lab.store, lab.directory, rule, 10);
    expect(lab.service.checkpoints(id).map(({ step }) => step)).toEqual([20, 5]);
  });

  it('removes what an ended trainer had begun to write', async () => {
    const lab = await open(fakeLauncher('halfWritten'));
    const id = only(await lab.createRuns([4]));
    lab.service.start([id]);
    expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'lost' }]);
    expect((await readdir(checkpointDirectory(lab.directory, id))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('goes on where the owner was killed when a checkpoint’s file was there, but not yet its record', async () => {
    const lab = await open(fakeLauncher());
    const id = only(await lab.createRuns([4], { checkpoints: { keepLast: 1 } }));
    const owner = spawn(process.execPath, [ownerEntry, lab.directory, id, '10'], { stdio: 'ignore' });
    endAfterTest(owner);
    expect(await once(owner, 'close')).toEqual([null, 'SIGKILL']);
    expect((await readdir(checkpointDirectory(lab.directory, id))).toSorted()).toEqual([
      'step-10.safetensors',
      'step-5.safetensors',
    ]);
    expect(lab.service.recoverInterrupted().map((run) => run.id)).toEqual([id]);
    await resume(lab, id);
    expect(logOf(lab, id)).toContain('Going on from step 5.');
  });

  it('finds runs that were training when the owner ended, and goes on with them', async () => {
    const [lab, id] = await lose();
    const queued = only(await lab.createRuns([5]));
    // What the store of a killed owner says: the run trains.
    for (const state of ['queued', 'preparing', 'running'] as const) lab.store.runs.transition(id, state);
    const service = lab.reopen(fakeLauncher());
    expect(service.recoverInterrupted().map((run) => run.id)).toEqual([id]);
    // Whoever opens the lab after that is told as well, until somebody resumes it.
    expect(service.recoverInterrupted().map((run) => run.id)).toEqual([id]);
    expect(service.get(id)).toMatchObject({
      state: 'lost',
      error: { message: 'NormLab ended while this run trained.' },
    });
    expect(service.get(queued).state).toBe('queued');
    await resume(lab, id);
  });
});

describe('a full disk', () => {
  const diskFull = new LabError('diskFull', 'The disk is full.', 'Free some space.');

  /** A store whose metrics cannot be written while `full.now`. */
  function failing(full: { now: boolean }): (store: Store) => Store {
    return (store) => ({
      ...store,
      metrics: {
        ...store.metrics,
        flush: () => {
          if (full.now) throw diskFull;
          store.metrics.flush();
        },
      },
    });
  }

  it('fails the run with the reason, halts the queue, and lets it go on when there is room', async () => {
    const full = { now: true };
    const lab = await open(fakeLauncher(), { wrapStore: failing(full) });
    const ids = await lab.createRuns([1, 2]);
    lab.service.start(ids);
    const runs = await lab.service.whenEnded(ids);
    expect(runs).toMatchObject([{ state: 'failed', error: { code: 'diskFull' } }, { state: 'queued' }]);
    expect(lab.service.queueState().halted).toMatchObject({ code: 'diskFull' });
    full.now = false;
    lab.service.resume(ids[0] ?? '');
    lab.service.start(ids);
    expect(await lab.service.whenEnded(ids)).toMatchObject([{ state: 'done' }, { state: 'done' }]);
    expect([...lab.store.metrics.read(ids[0] ?? '', 'train/loss').values]).toEqual(expectedLosses(1));
  });

  it.each(['metrics', 'record'])(
    'leaves the checkpoint before where the newest one’s %s cannot be written',
    async (what) => {
      let full = false;
      let hasBeenFull = false;
      const lab = await open(fakeLauncher(), {
        wrapStore: (store) => ({
          ...store,
          metrics: {
            ...store.metrics,
            flush: () => {
              if (full && what === 'metrics') throw diskFull;
              store.metrics.flush();
            },
          },
          runs: {
            ...store.runs,
            addCheckpoint: (checkpoint) => {
              if (full) throw diskFull;
              store.runs.addCheckpoint(checkpoint);
              full = !hasBeenFull;
              hasBeenFull = true;
            },
          },
        }),
      });
      const id = only(await lab.createRuns([4], { checkpoints: { keepLast: 1 } }));
      lab.service.start([id]);
      expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'failed', error: { code: 'diskFull' } }]);
      full = false;
      expect(lab.service.checkpoints(id).map(({ step }) => step)).toEqual([5]);
      lab.service.resume(id);
      expect(await lab.service.whenEnded([id])).toMatchObject([{ state: 'done' }]);
      expect(logOf(lab, id)).toContain('Going on from step 5.');
      expect([...lab.store.metrics.read(id, 'train/loss').values]).toEqual(expectedLosses(4));
      expect(lab.service.checkpoints(id).map(({ step }) => step)).toEqual([20]);
    },
  );

  it('is over also where not even its end can be written', async () => {
    const full = { now: false };
    const lab = await open(fakeLauncher(), {
      wrapStore: (store) => ({
        ...failing(full)(store),
        runs: {
          ...store.runs,
          transition: (id, to, patch) => {
            if (full.now && to === 'failed') throw diskFull;
            if (to === 'running') full.now = true;
            return store.runs.transition(id, to, patch);
          },
        },
      }),
    });
    const ids = await lab.createRuns([1]);
    lab.service.start(ids);
    expect(await lab.service.whenEnded(ids)).toMatchObject([{ state: 'failed', error: { code: 'diskFull' } }]);
    full.now = false;
    await lab.service.close({ graceful: true });
    expect(lab.store.runs.get(only(ids))).toMatchObject({ state: 'failed', error: { code: 'diskFull' } });
  });
});

describe('deleting', () => {
  it('removes records and files, but not while it trains', async () => {
    const lab = await open(fakeLauncher('endless'));
    const id = only(await lab.createRuns([1]));
    lab.service.start([id]);
    await untilCheckpoint(lab, id, 10);
    await expect(lab.service.remove(id)).rejects.toMatchObject({ code: 'invalidState' });
    lab.service.stop(id);
    await lab.service.whenEnded([id]);
    expect(existsSync(checkpointDirectory(lab.directory, id))).toBe(true);
    await lab.service.remove(id);
    expect(existsSync(runDirectory(lab.directory, id))).toBe(false);
    expect(lab.store.runs.get(id)).toBeNull();
  });
});
