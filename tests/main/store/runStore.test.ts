import { expect, it } from 'vitest';
import { hashDocument } from '#shared/canonicalJson.ts';
import { expandExperiment } from '#shared/domain/experiment.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import { runStates } from '#shared/domain/runState.ts';
import { createMemoryStore } from '#main/store/memoryStore.ts';
import type { RunEnvironment } from '#main/store/store.ts';
import { createExample, createStores, exampleExperiment, labErrorOf, points } from './examples.ts';

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const environment: RunEnvironment = {
  appVersion: '0.1.0',
  appCommit: null,
  engine: {
    kind: 'javascript',
    title: 'JavaScript',
    version: '4.22.0',
    device: 'cpu',
    deviceMemoryBytes: null,
    threads: 1,
    versions: { node: '24' },
    capabilities: { compiledSteps: false, fusedOperations: false, precisions: ['float32'] },
  },
  platform: 'linux',
  processor: 'one of them',
  hostName: null,
  datasetChecksum: 'a'.repeat(64),
};

it('keeps an experiment with its runs', () => {
  const { experiments, runs, experimentId } = createStores();
  const record = experiments.get(experimentId);
  expect(record).toEqual({
    id: expect.stringMatching(/^[0-9a-z]{13}$/) as string,
    name: 'BN against none',
    document: exampleExperiment,
    documentHash: hashDocument(exampleExperiment),
    createdAt: expect.stringMatching(isoTime) as string,
    archivedAt: null,
  });
  const expanded = expandExperiment(exampleExperiment);
  expect(runs.list({ experimentId })).toEqual(
    expanded.map(({ label, document }, ordinal) => ({
      id: expect.stringMatching(/^[0-9a-z]{13}$/) as string,
      experimentId,
      ordinal,
      label,
      document,
      documentHash: hashDocument(document),
      state: 'queued',
      error: null,
      progress: null,
      summary: null,
      environment: null,
      resumeCount: 0,
      metricsRevision: 0,
      createdAt: record?.createdAt,
      startedAt: null,
      finishedAt: null,
    })),
  );
});

it('lists experiments newest first, renames, archives and deletes them', () => {
  const { database, experiments, runs, experimentId, first } = createStores();
  const newer = createExample(experiments);
  expect(experiments.list().map(({ id }) => id)).toEqual([newer, experimentId]);
  experiments.rename(newer, 'Another');
  experiments.setArchived(newer, true);
  expect(experiments.get(newer)).toMatchObject({
    name: 'Another',
    archivedAt: expect.stringMatching(isoTime) as string,
  });
  experiments.setArchived(newer, false);
  expect(experiments.get(newer)?.archivedAt).toBeNull();

  runs.transition(first, 'preparing');
  expect(labErrorOf(() => experiments.remove(experimentId)).code).toBe('invalidState');
  runs.transition(first, 'failed');
  experiments.remove(experimentId);
  expect(experiments.list().map(({ id }) => id)).toEqual([newer]);
  expect(database.prepare('SELECT DISTINCT experimentId FROM runs').pluck().all()).toEqual([newer]);
  for (const action of [
    () => experiments.remove('absent'),
    () => experiments.rename('absent', 'x'),
    () => experiments.setArchived('absent', true),
  ]) {
    expect(labErrorOf(action).code).toBe('notFound');
  }
});

it('writes nothing of an experiment that cannot be written whole', () => {
  const { database, experiments } = createStores();
  database.exec(`CREATE TRIGGER refuse BEFORE INSERT ON runs WHEN NEW.ordinal = 1
    BEGIN SELECT RAISE(ABORT, 'refused'); END`);
  expect(() => createExample(experiments)).toThrow('refused');
  expect(experiments.list()).toHaveLength(1);
  expect(database.prepare('SELECT count(*) FROM runs').pluck().get()).toBe(2);
});

it('moves a run along its life-cycle with what belongs to each state', () => {
  const { runs, first } = createStores();
  const startedAt = '2026-01-01T10:00:00.000Z';
  runs.transition(first, 'preparing', { startedAt, environment });
  runs.transition(first, 'running');
  const error = { code: 'trainerLost', message: 'The trainer ended.', hint: 'Resume the run.' } as const;
  const lost = runs.transition(first, 'lost', { error, finishedAt: '2026-01-01T11:00:00.000Z' });
  expect(lost).toMatchObject({ state: 'lost', error, startedAt, finishedAt: '2026-01-01T11:00:00.000Z', environment });
  const again = runs.transition(first, 'queued', { error: null, finishedAt: null, resumeCount: lost.resumeCount + 1 });
  expect(again).toMatchObject({ state: 'queued', error: null, finishedAt: null, resumeCount: 1, startedAt });
  expect(runs.get(first)).toEqual(again);
});

it('refuses a transition that is not allowed and writes nothing of it', () => {
  const { runs, first } = createStores();
  const before = runs.get(first);
  const refused = labErrorOf(() => runs.transition(first, 'done', { resumeCount: 7 }));
  expect(refused).toMatchObject({ code: 'invalidState', message: `Run ${first} is queued and cannot become done.` });
  expect(runs.get(first)).toEqual(before);
  expect(labErrorOf(() => runs.transition('absent', 'preparing')).code).toBe('notFound');
});

it('updates fields without touching others, and the hash with the document', () => {
  const { runs, first } = createStores();
  const run = runs.resolve(first);
  const document: RunDocument = { ...run.document, batchSize: 128 };
  runs.update(first, { document });
  runs.update(first, {});
  expect(runs.get(first)).toEqual({ ...run, document, documentHash: hashDocument(document) });
  expect(labErrorOf(() => runs.update('absent', { resumeCount: 1 })).code).toBe('notFound');
});

it('finds a run by the beginning or the end of its id', () => {
  const { runs, first, second } = createStores();
  expect(runs.resolve(first).id).toBe(first);
  expect(runs.resolveId(` ${second.slice(-4).toUpperCase()}`)).toBe(second);
  const several = labErrorOf(() => runs.resolve(first.slice(0, 4)));
  expect(several).toMatchObject({
    code: 'notFound',
    message: expect.stringContaining(`${first}, ${second}`) as string,
  });
  for (const absent of ['', '  ', 'zzzz', '%', '____']) {
    expect(labErrorOf(() => runs.resolve(absent)).code).toBe('notFound');
  }
});

it('filters by state and experiment', () => {
  const { runs, experiments, experimentId, first, second } = createStores();
  const other = createExample(experiments);
  runs.transition(first, 'preparing');
  const idsOf = (filter: Parameters<typeof runs.list>[0]): string[] => runs.list(filter).map(({ id }) => id);
  expect(idsOf({ states: ['preparing', 'running'] })).toEqual([first]);
  expect(idsOf({ states: ['queued'], experimentId })).toEqual([second]);
  expect(idsOf({ states: [] })).toEqual([]);
  expect(idsOf({ states: runStates })).toEqual(idsOf({}));
  expect(idsOf({ experimentId: other })).toHaveLength(2);
});

it('keeps checkpoints and log of a run', () => {
  const { runs, first } = createStores();
  runs.addCheckpoint({ runId: first, step: 10, file: '/lab/10', bytes: 5 });
  runs.addCheckpoint({ runId: first, step: 30, file: '/lab/30', bytes: 5 });
  runs.addCheckpoint({ runId: first, step: 20, file: '/lab/20', bytes: 5 });
  runs.addCheckpoint({ runId: first, step: 20, file: '/lab/20', bytes: 6 });
  runs.removeCheckpoint(first, '/lab/10');
  expect(runs.listCheckpoints(first)).toMatchObject([
    { runId: first, step: 30, file: '/lab/30', bytes: 5, createdAt: expect.stringMatching(isoTime) as string },
    { step: 20, bytes: 6 },
  ]);
  const log = [
    { at: '2026-01-01T10:00:01.000Z', level: 'info' as const, text: 'second' },
    { at: '2026-01-01T10:00:00.000Z', level: 'warning' as const, text: 'first' },
  ];
  for (const record of log) runs.addLog(first, record);
  expect(runs.listLog(first)).toEqual(log);
});

it('deletes a run with all that belongs to it, unless it is active', () => {
  const { database, runs, metrics, first, second } = createStores();
  for (const id of [first, second]) {
    metrics.append(id, { 'train/loss': points(1, 3000) });
    metrics.flush();
    runs.addCheckpoint({ runId: id, step: 1, file: '/lab/1', bytes: 1 });
    runs.addLog(id, { at: 'now', level: 'info', text: 'text' });
  }
  metrics.append(first, { 'train/loss': points(3001, 3010) });
  runs.transition(first, 'preparing');
  expect(labErrorOf(() => runs.remove(first)).code).toBe('invalidState');
  runs.transition(first, 'failed');
  runs.remove(first);
  metrics.flush();
  for (const table of ['runs WHERE id', 'checkpoints WHERE runId', 'runLog WHERE runId', 'metricSeries WHERE runId']) {
    const count = database.prepare(`SELECT count(*) FROM ${table} = ?`).pluck();
    expect([table, count.get(first), count.get(second)]).toEqual([table, 0, 1]);
  }
  const orphans = 'SELECT count(*) FROM metricChunks WHERE seriesKey NOT IN (SELECT seriesKey FROM metricSeries)';
  expect(database.prepare(orphans).pluck().get()).toBe(0);
  expect(labErrorOf(() => runs.remove(first)).code).toBe('notFound');
});

it('names a damaged document, and lets the others be read and the damaged one be deleted', () => {
  const { database, experiments, runs, experimentId, first, second } = createStores();
  const damage = database.prepare(`UPDATE runs SET document = replace(document, '64', '65') WHERE id = ?`);
  damage.run(first);
  const error = labErrorOf(() => runs.get(first));
  expect(error).toMatchObject({ code: 'labDamaged', message: expect.stringContaining(first) as string });
  expect(runs.list().map(({ id }) => id)).toEqual([second]);
  runs.remove(runs.resolveId(first.slice(-4)));
  expect(runs.list({ experimentId })).toHaveLength(1);

  database.exec(`UPDATE experiments SET documentHash = 'x'`);
  expect(labErrorOf(() => experiments.get(experimentId)).code).toBe('labDamaged');
  expect(experiments.list()).toEqual([]);
});

it('remembers small values', () => {
  const memory = createMemoryStore(createStores().database);
  expect(memory.get('draft')).toBeNull();
  memory.set('draft', { name: 'a', numbers: [1, 2] });
  memory.set('draft', { name: 'b', numbers: [] });
  expect(memory.get('draft')).toEqual({ name: 'b', numbers: [] });
  memory.set('draft', null);
  expect(memory.get('draft')).toBeNull();
});
