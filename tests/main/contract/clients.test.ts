import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LabContract } from '#main/contract/labContract.ts';
import { startWebHost } from '#main/web/startWebHost.ts';
import type { LabClient, RunListItem } from '#shared/contract.ts';
import { emptyQueue } from '#shared/domain/queue.ts';
import { LabError } from '#shared/errors.ts';
import { createHttpClient } from '#shared/transport/httpClient.ts';
import { nodeFetch } from '../web/testHost.ts';
import {
  createWatch,
  openTestLab,
  openUnguardedTestLab,
  temporaryFolder,
  tinyExperiment,
  until,
  type TestLabOptions,
} from './testLab.ts';

/** Opens a lab and a client of it over one transport. */
type Open = (options?: TestLabOptions) => Promise<{ contract: LabContract; client: LabClient }>;

const transports: [name: string, open: Open][] = [
  [
    'in the same process',
    async (options) => {
      const contract = await openTestLab(options);
      return { contract, client: contract.client };
    },
  ],
  [
    'over HTTP',
    async (options) => {
      const contract = await openTestLab(options);
      const host = await startWebHost({ lab: contract, port: 0, rendererDirectory: '/nowhere' });
      const client = createHttpClient({ fetch: nodeFetch, address: host.address, token: host.token });
      onTestFinished(async () => {
        client.close();
        await host.close();
      });
      return { contract, client };
    },
  ],
];

/** The code that a call fails with. */
async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return null;
  } catch (error) {
    return (error as { code: unknown }).code;
  }
}

async function whenEnded(contract: LabContract, runs: readonly RunListItem[]): Promise<void> {
  await contract.lab.runs.whenEnded(runs.map(({ id }) => id));
}

describe.each(transports)('a client %s', (_name, open) => {
  it('learns what the lab runs on', async () => {
    const { client, contract } = await open();
    const machine = await client.invoke('machine.describe', {});
    expect(machine).toMatchObject({
      labDirectory: contract.lab.directory,
      door: 'cli',
      hasDialogs: false,
      notices: [],
    });
    expect(machine.diskFreeBytes).toBeGreaterThan(0);
    expect((await client.invoke('engines.list', {})).map(({ id, state }) => [id, state])).toEqual([
      ['tensorflow-cpu', 'installable'],
      ['javascript', 'ready'],
    ]);
  });

  it('makes an experiment, follows it to its end and reads its curves', async () => {
    const { client, contract } = await open();
    const changed = new Map<string, string>();
    const watch = createWatch();
    const made = Promise.withResolvers<string[]>();
    client.subscribe('runsChanged', ({ runs }) => {
      for (const run of runs) changed.set(run.id, run.state);
      watch.notice();
    });
    client.subscribe('experimentsChanged', ({ ids }) => made.resolve(ids));
    const experiment = await client.invoke('experiments.create', { document: tinyExperiment });
    expect(experiment).toMatchObject({
      name: 'Tiny',
      methodIds: ['batchNorm', 'none'],
      seeds: [1, 2],
      datasetId: 'tiny',
      archivedAt: null,
    });
    expect(experiment.runs.map(({ label, seed, ordinal }) => [label, seed, ordinal])).toEqual([
      ['batchNorm', 1, 0],
      ['none', 1, 1],
      ['batchNorm', 2, 2],
      ['none', 2, 3],
    ]);
    expect(await made.promise).toEqual([experiment.id]);
    await whenEnded(contract, experiment.runs);

    const finished = await client.invoke('experiments.get', { id: experiment.id });
    expect(finished.runs.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done']);
    await watch.until(() => experiment.runs.every(({ id }) => changed.get(id) === 'done'));
    const [first] = finished.runs;
    if (!first) throw new Error('no run');
    const detail = await client.invoke('runs.get', { id: first.id });
    expect(detail).toMatchObject({
      ...first,
      environment: { engine: { title: 'Fake' } },
      checkpoints: [{ step: 20 }, { step: 15 }],
    });
    expect(await client.invoke('metrics.list', { runIds: [first.id] })).toEqual([
      { runId: first.id, series: ['train/loss', 'validation/loss'] },
    ]);
    const [slice] = await client.invoke('metrics.read', { requests: [{ runId: first.id, series: 'train/loss' }] });
    // The fake trainer's loss of step t is seed + 1/(t + 1).
    expect(slice?.steps).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(slice?.values).toEqual(Array.from({ length: 20 }, (_, index) => 1 + 1 / (index + 2)));
    expect(await client.invoke('queue.get', {})).toEqual({
      ...emptyQueue,
      running: [],
      queued: [],
      secondsLeft: 0,
      halted: null,
    });
  });

  it('stops and resumes runs', async () => {
    const { client, contract } = await open({ behaviour: 'endless' });
    const { runs } = await client.invoke('experiments.create', { document: { ...tinyExperiment, seeds: [1] } });
    const [training, waiting] = runs.map(({ id }) => id);
    if (training === undefined || waiting === undefined) throw new Error('no runs');
    await until(contract, async () => (await client.invoke('runs.get', { id: training })).progress?.step === 12);
    expect(await client.invoke('queue.get', {})).toMatchObject({ running: [training], queued: [waiting] });
    // Also by its name.
    expect(await codeOf(client.invoke('datasets.remove', { id: 'Tiny' }))).toBe('invalidState');
    const stopped = await client.invoke('runs.stop', { ids: [waiting, training] });
    expect(stopped.map(({ id, state }) => [id, state])).toEqual([
      [waiting, 'stopped'],
      [training, 'stopping'],
    ]);
    await whenEnded(contract, runs);
    expect(await codeOf(client.invoke('runs.stop', { ids: [waiting] }))).toBe('invalidState');
    expect(await client.invoke('runs.resume', { ids: [training] })).toMatchObject([{ id: training }]);
    await client.invoke('runs.stop', { ids: [training] });
    await whenEnded(contract, runs);
    expect(await codeOf(client.invoke('runs.resume', { ids: [training, 'nobody'] }))).toBe('notFound');
  });

  it('renames, archives, deletes and restores experiments', async () => {
    const { client, contract } = await open({ behaviour: 'endless' });
    const document = { ...tinyExperiment, vary: [], seeds: [1] };
    const { id, runs } = await client.invoke('experiments.create', { document });
    const listed = async (archived = false): Promise<string[]> =>
      (await client.invoke('experiments.list', { archived })).map((experiment) => experiment.id);
    expect(await client.invoke('experiments.rename', { id, name: ' Other ' })).toMatchObject({ id, name: 'Other' });
    expect((await client.invoke('experiments.get', { id })).document.name).toBe('Other');
    await client.invoke('experiments.archive', { ids: [id], archived: true });
    expect([await listed(), await listed(true)]).toEqual([[], [id]]);
    await client.invoke('experiments.archive', { ids: [id], archived: false });
    expect([await listed(), await listed(true)]).toEqual([[id], []]);

    expect(await codeOf(client.invoke('experiments.delete', { ids: [id, 'nobody'] }))).toBe('notFound');
    expect(await listed()).toEqual([id]);
    await client.invoke('experiments.delete', { ids: [id] });
    expect(await listed()).toEqual([]);
    expect(await codeOf(client.invoke('experiments.get', { id }))).toBe('notFound');
    await whenEnded(contract, runs);
    await client.invoke('experiments.restore', { ids: [id] });
    expect(await listed()).toEqual([id]);
    expect((await client.invoke('experiments.get', { id })).runs.map(({ state }) => state)).toEqual(['stopped']);
    expect(await codeOf(client.invoke('experiments.restore', { ids: [id] }))).toBe('notFound');
  });

  it('finds, reads and deletes runs, with every point as it was recorded', async () => {
    const { client, contract } = await open();
    const plan = await client.invoke('experiments.plan', { document: tinyExperiment });
    expect(plan.map(({ label, totalSteps }) => [label, totalSteps])).toEqual([
      ['batchNorm', 6],
      ['none', 6],
      ['batchNorm', 6],
      ['none', 6],
    ]);
    const logged = Promise.withResolvers<string>();
    client.subscribe('runsLogged', ({ logs }) => logged.resolve(logs[0]?.runId ?? ''));
    const { id, runs } = await client.invoke('experiments.create', { document: tinyExperiment });
    await whenEnded(contract, runs);
    const [first, second] = runs;
    if (!first || !second) throw new Error('no runs');
    const found = await client.invoke('runs.find', { ids: [id, first.id], states: ['done'] });
    expect(found.map((run) => run.id)).toEqual(runs.map((run) => run.id));
    expect(found[0]).toMatchObject({ experimentName: 'Tiny', engine: 'Fake', resumeCount: 0, methodId: 'batchNorm' });
    const read = await client.invoke('runs.read', { id: first.id });
    expect(read).toMatchObject({
      document: { seed: 1 },
      documentHash: found[0]?.documentHash,
      checkpoints: [{ step: 20 }, { step: 15 }],
      series: [{ series: 'train/loss', count: 20 }, { series: 'validation/loss' }],
    });
    if (read.log.length > 0) expect(runs.map((run) => run.id)).toContain(await logged.promise);

    contract.lab.store.metrics.append(second.id, {
      odd: { steps: Float64Array.of(1, 2, 3), values: Float64Array.of(NaN, -Infinity, 0.1) },
    });
    const points = await client.invoke('metrics.points', { runId: second.id, series: 'odd' });
    const decode = (text: string): number[] => [
      ...new Float64Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer),
    ];
    expect([decode(points.steps), decode(points.values)]).toEqual([
      [1, 2, 3],
      [NaN, -Infinity, 0.1],
    ]);

    expect(await codeOf(client.invoke('runs.delete', { ids: [first.id, 'nobody'] }))).toBe('notFound');
    expect(await client.invoke('runs.delete', { ids: [first.id] })).toEqual([first.id]);
    expect((await client.invoke('runs.find', {})).map((run) => run.id)).toEqual(runs.slice(1).map((run) => run.id));
    expect(await codeOf(client.invoke('runs.find', { ids: ['nobody'] }))).toBe('notFound');
    // The beginning of an id, but of one by accident.
    expect(await client.invoke('runs.find', { ids: [id.slice(0, 12)] })).toHaveLength(runs.length - 1);
    expect(await codeOf(client.invoke('runs.find', { ids: [id.slice(0, 3)] }))).toBe('notFound');
    expect(await codeOf(client.invoke('runs.read', { id: first.id }))).toBe('notFound');
    // What is deleted with its experiment is found no more, though it can be restored still.
    await client.invoke('experiments.delete', { ids: [id] });
    expect(await client.invoke('runs.find', {})).toEqual([]);
  });

  it('keeps small values', async () => {
    const { client } = await open();
    expect(await client.invoke('memory.get', { key: 'draft' })).toBeNull();
    const draft = { name: 'γ', list: [1, null, { deep: true }] };
    expect(await client.invoke('memory.set', { key: 'draft', value: draft })).toBeNull();
    expect(await client.invoke('memory.get', { key: 'draft' })).toEqual(draft);
    await client.invoke('memory.set', { key: 'draft', value: null });
    expect(await client.invoke('memory.get', { key: 'draft' })).toBeNull();
    expect(await codeOf(client.invoke('memory.set', { key: 'normlab/deletedExperiments', value: [] }))).toBe(
      'invalidArgument',
    );
  });

  it('shows images of a data set and removes it', async () => {
    const { client } = await open();
    const changed = Promise.withResolvers<unknown>();
    client.subscribe('datasetsChanged', changed.resolve);
    expect((await client.invoke('datasets.list', {})).map(({ id }) => id)).toEqual(['tiny']);
    const all = await client.invoke('datasets.preview', { id: 'tiny' });
    expect({ ...all, images: all.images.toSorted((a, b) => a.index - b.index) }).toEqual({
      height: 2,
      width: 2,
      channels: 3,
      images: [0, 1, 2, 3].map((index) => ({
        index,
        label: index % 2,
        pixels: Buffer.from(Array.from({ length: 12 }, (_, byte) => index * 12 + byte)).toString('base64'),
      })),
    });
    const odd = await client.invoke('datasets.preview', { id: 'tiny', split: 'validation', label: 1, count: 5 });
    expect(odd.images.map(({ index, label }) => [index, label])).toEqual([[0, 1]]);
    expect(await codeOf(client.invoke('datasets.preview', { id: 'other' }))).toBe('notFound');
    expect(await client.invoke('datasets.verify', { id: 'tiny' })).toEqual({ id: 'tiny', ok: true, problems: [] });
    await client.invoke('datasets.remove', { id: 'tiny' });
    await changed.promise;
    expect(await client.invoke('datasets.list', {})).toEqual([]);
  });

  it('follows jobs, and cancels them', async () => {
    const { client, contract } = await open();
    const states: string[] = [];
    const watch = createWatch();
    client.subscribe('jobsChanged', ({ jobs }) => {
      states.push(...jobs.map(({ state }) => state));
      watch.notice();
    });
    const failing = await client.invoke('datasets.import', { path: '/nowhere/at/all' });
    expect(failing).toMatchObject({ kind: 'importDataset', state: 'running', error: null });
    const job = async (id: string) => (await client.invoke('jobs.list', {})).find((candidate) => candidate.id === id);
    await until(contract, async () => (await job(failing.id))?.state === 'failed');
    expect(await job(failing.id)).toMatchObject({ error: { code: 'notFound' } });

    const installing = await client.invoke('engines.install', { id: 'tensorflow-cpu' });
    await until(contract, async () => (await job(installing.id))?.phase === 'Downloading');
    expect(await job(installing.id)).toMatchObject({ done: 5, total: 10, secondsLeft: 5, unit: 'bytes' });
    await client.invoke('jobs.cancel', { id: installing.id });
    await until(contract, async () => (await job(installing.id))?.state === 'cancelled');
    await watch.until(() => states.includes('cancelled'));
    expect(await codeOf(client.invoke('engines.install', { id: 'other' }))).toBe('notFound');
    expect(await codeOf(client.invoke('jobs.cancel', { id: 'other' }))).toBe('notFound');
  });

  it('gets errors as the lab throws them', async () => {
    const { client } = await open();
    await expect(client.invoke('experiments.create', { document: { name: '' } })).rejects.toMatchObject({
      name: 'LabError',
      code: 'invalidDocument',
      hint: 'Correct the fields named.',
    });
    expect(await codeOf(client.invoke('runs.get', { id: 'nobody' }))).toBe('notFound');
    expect(await codeOf(client.invoke('datasets.inspect', { path: '/nowhere' }))).toBe('notFound');
    expect(await codeOf(client.invoke('runs.get', {} as { id: string }))).toBe('invalidArgument');
  });
});

describe('deleted experiments', () => {
  it('are gone with their files when the lab is opened again', async () => {
    const contract = await openTestLab();
    const { client, lab } = contract;
    const make = async () =>
      client.invoke('experiments.create', { document: { ...tinyExperiment, vary: [], seeds: [1] } });
    const [kept, deleted] = [await make(), await make()];
    await whenEnded(contract, [...kept.runs, ...deleted.runs]);
    await client.invoke('experiments.delete', { ids: [deleted.id] });
    await contract.close();
    const again = await openTestLab({ labDirectory: lab.directory });
    await again.ready;
    expect((await again.client.invoke('experiments.list', {})).map(({ id }) => id)).toEqual([kept.id]);
    expect(again.lab.store.runs.list().map(({ id }) => id)).toEqual(kept.runs.map(({ id }) => id));
  });

  it('are removed at the next opening where the lab ended by a crash', async () => {
    const contract = await openUnguardedTestLab();
    const { id, runs } = await contract.client.invoke('experiments.create', {
      document: { ...tinyExperiment, vary: [] },
    });
    await whenEnded(contract, runs);
    await contract.client.invoke('experiments.delete', { ids: [id] });
    // As far as a crash would have come: the lab alone.
    await contract.lab.close();
    contract.events.close();
    const again = await openTestLab({ labDirectory: contract.lab.directory });
    await again.ready;
    expect(again.lab.store.experiments.list()).toEqual([]);
  });

  it.each(['memory', 'runs'])('stay where deleting is refused because the disk is full: writing %s', async (what) => {
    let isFull = false;
    const refuse = (): void => {
      if (isFull) throw new LabError('diskFull', 'The disk is full.', 'Make room.');
    };
    const contract = await openUnguardedTestLab({
      wrapStore: (store) => ({
        ...store,
        memory: {
          get: (key) => store.memory.get(key),
          set(key, value) {
            if (what === 'memory') refuse();
            store.memory.set(key, value);
          },
        },
        runs: {
          ...store.runs,
          transition(id, state, patch) {
            if (what === 'runs' && id === runs[1]?.id) refuse();
            return store.runs.transition(id, state, patch);
          },
        },
      }),
    });
    const { client, lab } = contract;
    let runs: readonly { id: string }[] = [];
    await client.invoke('queue.set', { paused: true });
    const made = await client.invoke('experiments.create', { document: { ...tinyExperiment, vary: [] } });
    ({ runs } = made);
    isFull = true;
    expect(await codeOf(client.invoke('experiments.delete', { ids: [made.id] }))).toBe('diskFull');
    expect((await client.invoke('experiments.list', {})).map(({ id }) => id)).toEqual([made.id]);
    expect((await client.invoke('queue.get', {})).queued).toEqual(runs.map(({ id }) => id));
    isFull = false;
    await contract.close();
    const again = await openTestLab({ labDirectory: lab.directory });
    await again.ready;
    expect(again.lab.store.runs.list().map(({ id }) => id)).toEqual(runs.map(({ id }) => id));
  });

  it('are kept once somebody wanted them back, also where that could not be written', async () => {
    let isFull = false;
    const contract = await openUnguardedTestLab({
      wrapStore: (store) => ({
        ...store,
        memory: {
          get: (key) => store.memory.get(key),
          set(key, value) {
            if (isFull) throw new LabError('diskFull', 'The disk is full.', 'Make room.');
            store.memory.set(key, value);
          },
        },
      }),
    });
    const { client, lab } = contract;
    const { id, runs } = await client.invoke('experiments.create', { document: { ...tinyExperiment, vary: [] } });
    await whenEnded(contract, runs);
    await client.invoke('experiments.delete', { ids: [id] });
    isFull = true;
    expect(await codeOf(client.invoke('experiments.restore', { ids: [id] }))).toBe('diskFull');
    isFull = false;
    await contract.close();
    const again = await openTestLab({ labDirectory: lab.directory });
    await again.ready;
    expect(again.lab.store.experiments.list()).toMatchObject([{ id }]);
  });

  it('come back when an archive of their runs is imported', async () => {
    const contract = await openUnguardedTestLab();
    const { client, lab } = contract;
    const { id, runs } = await client.invoke('experiments.create', { document: { ...tinyExperiment, vary: [] } });
    await whenEnded(contract, runs);
    const path = join(await temporaryFolder(), 'runs.zip');
    const finished = async (job: { id: string }): Promise<void> => {
      await until(contract, async () =>
        (await client.invoke('jobs.list', {})).some(({ id: jobId, state }) => jobId === job.id && state === 'done'),
      );
    };
    await finished(await client.invoke('runs.export', { ids: runs.map((run) => run.id), path }));
    await client.invoke('experiments.delete', { ids: [id] });
    const job = await client.invoke('runs.import', { path });
    await finished(job);
    expect((await client.invoke('runs.imported', { jobId: job.id })).runs).toMatchObject(
      runs.map((run) => ({ id: run.id, outcome: 'there' })),
    );
    expect((await client.invoke('experiments.list', {})).map((experiment) => experiment.id)).toEqual([id]);
    await contract.close();
    const again = await openTestLab({ labDirectory: lab.directory });
    await again.ready;
    expect(again.lab.store.runs.list()).toHaveLength(runs.length);
  });
});
