import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createTinyLabDirectory, tinyRun } from '../../lab/tinyLab.ts';
import { jsonLines, runHere, type CommandResult } from './commandLine.ts';

let folder: Awaited<ReturnType<typeof createTinyLabDirectory>>;
let work = '';
let environment: NodeJS.ProcessEnv = {};
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'normlab-queue-'));
  await writeFile(join(work, 'run.json'), JSON.stringify(tinyRun));
  environment = { INIT_CWD: work, NORMLAB_ENGINE_DIR: join(work, 'engines') };
});
afterAll(() => rm(work, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await createTinyLabDirectory();
  return folder.remove;
});

const lab = (...args: string[]): Promise<CommandResult> => runHere([...args, '--lab', folder.directory], environment);

interface Queue {
  queued: string[];
  unstarted: string[];
  settings: Record<string, unknown>;
  runs: { runId: string; place: string; priority: string }[];
}
/** A command of the queue, and the queue as it is then. */
async function queue(...args: string[]): Promise<Queue> {
  const { status, stdout, stderr } = await lab('queue', ...args, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Queue;
}

/** Trains an experiment; its ids, the last line and how the command ended. */
async function train(...args: string[]): Promise<CommandResult & { experiment: string; runs: string[] }> {
  const result = await lab('train', '--config', 'run.json', ...args, '--json');
  const { id, runs } = jsonLines(result.stdout)[0] as unknown as { id: string; runs: { id: string }[] };
  return { ...result, experiment: id, runs: runs.map((run) => run.id) };
}

it('is paused, filled, put in order and started from the command line', async () => {
  expect((await lab('queue')).stdout).toBe('One run trains at a time.\nNothing waits.\n');
  expect((await queue('pause')).settings).toMatchObject({ paused: true });

  // Nobody knows when the pause ends: the command does not wait for it.
  const trained = await train('--seeds', '1,2,3');
  expect(trained.status).toBe(1);
  expect(trained.stderr).toContain('The queue stopped: It is paused. Let it go on with');
  expect(trained.stderr).toContain(`3 of 3 runs can go on: npm run --silent lab -- runs resume ${trained.experiment}`);
  expect(jsonLines(trained.stdout).at(-1)).toMatchObject({ type: 'result', runs: Array(3).fill({ state: 'queued' }) });

  const [first = '', second = '', third = ''] = trained.runs;
  expect((await queue()).unstarted).toEqual([first, second, third]);
  expect((await queue('move', third, 'top')).unstarted).toEqual([third, first, second]);
  expect((await queue('priority', second, 'high')).runs).toMatchObject([
    { runId: second, place: 'not started', priority: 'high' },
    { runId: third, priority: 'normal' },
    { runId: first, priority: 'normal' },
  ]);
  const listed = await lab('queue');
  expect(listed.stdout).toMatch(/^The queue is paused\.\nOne run trains at a time\.\n.*not started {2}high/);
  expect(listed.stdout).toContain('What is not started trains with npm run --silent lab -- queue start');

  expect(await lab('queue', 'start')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('It is paused.') as string,
  });
  expect(await lab('runs', 'pause', first, '--json')).toMatchObject({ status: 0, stderr: '' });
  expect((await queue('resume')).settings).toMatchObject({ paused: false });
  const started = await lab('queue', 'start', '--json');
  expect(started.status).toBe(0);
  const order = jsonLines(started.stdout).flatMap((line) =>
    line.type === 'run' && line['state'] === 'preparing' ? [line['id']] : [],
  );
  expect(order).toEqual([second, third]);
  expect((await queue()).runs).toMatchObject([{ runId: first, place: 'paused' }]);
  expect(await lab('queue', 'start')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('No run of an earlier session waits.') as string,
  });
  expect(await lab('queue', 'start', first)).toMatchObject({ status: 1 });
  expect(await lab('queue', 'move', first, 'up')).toMatchObject({ status: 1 });
});

it('keeps its settings, and says what is wrong with those that it cannot have', async () => {
  expect((await queue('set', '--trainers', '3', '--start-when-idle', 'on')).settings).toEqual({
    paused: false,
    trainersAtOnce: 3,
    startWhenIdle: true,
  });
  expect((await lab('queue')).stdout).toContain('Up to 3 runs train at once, while the machine is idle.\n');
  expect((await queue('set', '--start-when-idle', 'off')).settings).toMatchObject({
    trainersAtOnce: 3,
    startWhenIdle: false,
  });
  for (const [args, message] of [
    [['set'], /Nothing is named that is to be set\.\nGive --trainers/],
    [['set', '--trainers', '0'], /whole number from 1 to 16/],
    [['set', '--trainers', '17'], /whole number from 1 to 16/],
    [['set', '--trainers', '1.5'], /whole number from 1 to 16/],
    [['set', '--start-when-idle', 'maybe'], /Allowed choices are on, off/],
    [['move', 'x', 'sideways'], /Allowed choices are up, down, top, bottom/],
    [['priority', 'x', 'urgent'], /Allowed choices are high, normal, low/],
  ] as const) {
    const { status, stdout, stderr } = await lab('queue', ...args);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  }
});

it('adds seeds to an experiment: only those that are new are trained, and compared with the others', async () => {
  const { experiment, runs } = await train();
  const added = await lab('experiments', 'add-seeds', runs[0] ?? '', '--seeds', '1,2', '--json');
  expect(added.status).toBe(0);
  const lines = jsonLines(added.stdout);
  expect(lines[0]).toMatchObject({ type: 'experiment', id: experiment, added: 1 });
  expect(lines.at(-1)).toMatchObject({ type: 'result', runs: Array(2).fill({ state: 'done' }) });
  expect(JSON.parse((await lab('experiments', '--json')).stdout)).toEqual([
    { id: experiment, name: 'run', labels: ['batchNorm'], seeds: [1, 2], runs: 2, states: { done: 2 } },
  ]);
  expect((await lab('experiments')).stdout).toMatch(/run +1 +2 +2 +2 done/);
  const compared = JSON.parse((await lab('runs', 'compare', experiment, '--json')).stdout) as { rows: object[] };
  expect(compared.rows).toMatchObject([{ label: 'batchNorm', runs: 2 }]);
  expect(await lab('experiments', 'add-seeds', experiment, '--seeds', 'x')).toMatchObject({ status: 2 });
  expect(await lab('experiments', 'add-seeds', experiment)).toMatchObject({ status: 2 });
  expect(await lab('experiments', 'add-seeds', 'absent', '--seeds', '2')).toMatchObject({ status: 1 });
});
