import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { writeCifar10Folder } from '../datasets/cifar10Fixture.ts';
import { createTinyLabDirectory, tinyRun } from '../../lab/tinyLab.ts';
import { finishCommand, jsonLines, runHere, startCommand, type CommandResult } from './commandLine.ts';

const webEntry = fileURLToPath(new URL('../../../src/main/web.ts', import.meta.url));

let folder: Awaited<ReturnType<typeof createTinyLabDirectory>>;
let work = '';
let environment: NodeJS.ProcessEnv = {};
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'normlab-clients-'));
  await writeFile(join(work, 'run.json'), JSON.stringify(tinyRun));
  const long = { unit: 'steps', value: 5000 };
  await writeFile(
    join(work, 'long.json'),
    JSON.stringify({ ...tinyRun, length: long, evaluation: { every: long, batchSize: 16 } }),
  );
  environment = { INIT_CWD: work, NORMLAB_ENGINE_DIR: join(work, 'engines') };
});
afterAll(() => rm(work, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await createTinyLabDirectory();
  const { remove } = folder;
  return remove;
});

/** A command of this process: another one than the owner. */
const lab = (...args: string[]): Promise<CommandResult> => runHere([...args, '--lab', folder.directory], environment);
const labJson = async (...args: string[]): Promise<unknown> => {
  const { status, stdout, stderr } = await lab(...args, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
};

function endAfterTest(child: ChildProcess): ChildProcess {
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  });
  return child;
}

interface Command {
  child: ChildProcess;
  finished: Promise<CommandResult>;
  /** Resolves with the first line that fits. */
  line(fits: (line: Line) => boolean): Promise<Line>;
  /** Resolves when standard error contains the text. */
  said(text: string): Promise<void>;
}
type Line = ReturnType<typeof jsonLines>[number];

/** A command as a process of its own, with JSON lines. */
function startLab(...args: string[]): Command {
  const child = endAfterTest(startCommand([...args, '--json', '--lab', folder.directory], environment));
  const lines: Line[] = [];
  const checks = new Set<() => void>();
  const check = (): void => {
    for (const run of [...checks]) run();
  };
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    check();
  });
  const when = <Value>(find: () => Value | undefined): Promise<Value> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const value = find();
        if (value === undefined) return;
        checks.delete(look);
        resolve(value);
      };
      child.once('close', () => reject(new Error(`The command ended before: ${said}`)));
      checks.add(look);
      look();
    });
  return {
    child,
    finished: finishCommand(child, (line) => {
      lines.push(...jsonLines(line));
      check();
    }),
    line: (fits) => when(() => lines.find(fits)),
    said: (text) => when(() => (said.includes(text) ? text : undefined)).then(() => undefined),
  };
}

const isProgress = ({ type }: Line): boolean => type === 'progress';
/** Ids of the experiment and of its first run. */
async function idsOf(command: Command): Promise<{ experiment: string; run: string }> {
  const { id, runs } = (await command.line(({ type }) => type === 'experiment')) as unknown as {
    id: string;
    runs: { id: string }[];
  };
  return { experiment: id, run: runs[0]?.id ?? '' };
}

/** The app's host as a process of its own, which owns the lab. */
async function startApp(): Promise<{ child: ChildProcess; stop: () => Promise<void> }> {
  const child = endAfterTest(
    spawn(process.execPath, [webEntry, '--lab', folder.directory, '--port', '0', '--no-open'], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  if (child.stdout) await once(child.stdout, 'data');
  return {
    child,
    async stop() {
      const closed = once(child, 'close');
      child.kill('SIGINT');
      await closed;
    },
  };
}

/** The fields of an output, in their order; what they hold is a matter of time or machine. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((member) => JSON.stringify(shapeOf(member))))];
  if (typeof value !== 'object' || value === null) return 'value';
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shapeOf(member)]));
}

/** What an SVG draws; names in it are counted through by the process that drew it. */
async function readPaths(file: string): Promise<unknown> {
  return (await readFile(file, 'utf8')).match(/ d="[^"]*"/g);
}

describe('while a training command owns the lab', () => {
  it('others list, show, stop and train; it stays until what they added is done', async () => {
    const owner = startLab('train', '--config', 'long.json');
    const { experiment, run } = await idsOf(owner);
    await owner.line(isProgress);
    expect(await labJson('runs', 'list')).toMatchObject([{ id: run, state: 'running', progress: {} }]);
    expect((await lab('runs', 'show', run)).stdout).toContain('train/loss: ');
    expect(await lab('runs', 'delete', run)).toMatchObject({
      status: 1,
      stderr: `Run ${run} is training.\nStop it first.\n`,
    });

    const client = startLab('train', '--config', 'run.json');
    const { experiment: added } = await idsOf(client);
    const stopped = await lab('runs', 'stop', experiment, '--json');
    expect(jsonLines(stopped.stdout)).toMatchObject([[{ id: run, state: 'stopped', error: null }]]);
    expect(stopped).toMatchObject({ status: 0, stderr: `${run}: stopping with a checkpoint.\n` });

    const done = await client.finished;
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(jsonLines(done.stdout).at(-1)).toMatchObject({
      type: 'result',
      experiment: { id: added, name: 'run' },
      runs: [{ state: 'done', summary: { steps: 10 } }],
    });
    const ended = await owner.finished;
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('1 of 1 run can go on:');
    expect(ended.stderr).toContain('Other commands use this lab: 1 more of its runs.');
    expect(jsonLines(ended.stdout).at(-1)).toMatchObject({ type: 'result', runs: [{ id: run, state: 'stopped' }] });
    // Nobody owns it any more.
    expect(await labJson('runs', 'delete', run)).toEqual({ deleted: [run] });
    expect(await labJson('runs', 'list')).toMatchObject([{ experimentId: added, state: 'done' }]);
  });

  it('a client that only reads, or waits for its turn, gets clear errors', async () => {
    const owner = startLab('train', '--config', 'long.json');
    const { run } = await idsOf(owner);
    await owner.line(isProgress);
    for (const [args, message] of [
      [['runs', 'show', 'zzz'], /There is no run “zzz”/],
      [['train', '--config', 'run.json', '--set', 'batchSize=45'], /only 44 training images/],
      [['train', '--config', 'run.json', '--set', 'dataset.id=absent'], /no data set “absent”/],
      [['datasets', 'import', 'zzz'], /zzz/],
      [['datasets', 'remove', 'zzz'], /no data set “zzz”/],
      [['runs', 'resume', run.slice(0, -1) + '!'], /There is no run/],
    ] as const) {
      const { status, stdout, stderr } = await lab(...args);
      expect(stderr).toMatch(message);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).not.toMatch(/\n\s+at /);
    }
    const plan = await labJson('train', '--config', 'run.json', '--seeds', '1,2', '--dry-run');
    expect(plan).toMatchObject({ dryRun: true, runs: [{ totalSteps: 10 }, { totalSteps: 10 }] });
    owner.child.kill('SIGINT');
    expect(await owner.finished).toMatchObject({ status: 1 });
  });
});

describe('while the app owns the lab', () => {
  it('commands answer with the same values as they do alone', async () => {
    const app = await startApp();
    const train = ['train', '--config', 'run.json', '--vary', 'method=batchNorm,none', '--json'];
    const asClient = await lab(...train);
    expect(asClient).toMatchObject({ status: 0, stderr: '' });
    const id = String(jsonLines(asClient.stdout)[0]?.['id']);
    const questions = [
      ['runs', 'list', '--json'],
      ['runs', 'list'],
      ['runs', 'list', '--experiment', id, '--state', 'done', '--json'],
      ['runs', 'export', id, '--json'],
      ['runs', 'export', id, '--series', 'train/loss,validation/loss'],
      ['runs', 'compare', id, '--json'],
      ['runs', 'compare', id, '--svg', 'curves.svg'],
      ['datasets', 'list', '--json'],
      ['datasets', 'verify', 'tiny', '--json'],
      ['train', '--config', 'run.json', '--dry-run', '--json'],
    ];
    const run = ((await labJson('runs', 'list')) as { id: string }[])[0]?.id ?? '';
    questions.push(
      ['runs', 'show', run, '--json'],
      ['runs', 'show', run],
      ['runs', 'resume', run],
      ['runs', 'stop', run],
    );
    const ask = async (): Promise<unknown[]> => {
      const answers: unknown[] = [];
      for (const question of questions) {
        answers.push([question, await lab(...question)]);
        if (question.includes('--svg')) answers.push(await readPaths(join(work, 'curves.svg')));
      }
      return answers;
    };
    const answersOfClient = await ask();
    await app.stop();
    expect(await ask()).toEqual(answersOfClient);

    const alone = await lab(...train);
    const byType = ({ stdout }: CommandResult): unknown =>
      shapeOf(Object.fromEntries(jsonLines(stdout).map((line) => [line.type, line])));
    expect(byType(alone)).toEqual(byType(asClient));
  });

  it('data sets are imported, made and removed by it', async () => {
    const app = await startApp();
    const cifar10 = await mkdtemp(join(work, 'cifar10-'));
    await writeCifar10Folder(cifar10);
    const { stdout, ...rest } = await lab('datasets', 'import', cifar10, '--name', 'Noise', '--json');
    const notes = [
      'batches.meta.txt was not there: the classes have their usual names.',
      'No image occurs twice, within a split or in both.',
    ];
    expect(rest).toEqual({ status: 0, stderr: `${notes.join('\n')}\n` });
    const imported = JSON.parse(stdout) as { id: string };
    expect(imported).toMatchObject({ name: 'Noise', training: { count: 50_000 }, provenance: { notes } });
    const example = (await labJson('datasets', 'example')) as { id: string };
    expect(await labJson('datasets', 'list')).toMatchObject([example, imported, { id: 'tiny' }]);
    expect(await labJson('datasets', 'remove', imported.id)).toEqual({ removed: imported.id });
    await app.stop();
    expect(await labJson('datasets', 'list')).toMatchObject([example, { id: 'tiny' }]);
  });

  it('an import that is interrupted is cancelled there', async () => {
    await startApp();
    const cifar10 = await mkdtemp(join(work, 'cifar10-'));
    await writeCifar10Folder(cifar10);
    const command = endAfterTest(startCommand(['datasets', 'import', cifar10, '--lab', folder.directory], environment));
    command.stderr?.once('data', () => command.kill('SIGINT'));
    expect(await finishCommand(command)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('The import was cancelled.\nNothing was added') as string,
    });
    expect(await labJson('datasets', 'list')).toMatchObject([{ id: 'tiny' }]);
  });

  it('Ctrl+C leaves the runs to it, and they can be followed again and stopped', async () => {
    await startApp();
    const first = startLab('train', '--config', 'long.json');
    const { experiment, run } = await idsOf(first);
    await first.line(isProgress);
    first.child.kill('SIGINT');
    const left = await first.finished;
    expect(left.status).toBe(1);
    expect(left.stderr).toMatch(/The runs go on in process \d+ \(the web host\)\. Stop them: .* runs stop /);
    expect(jsonLines(left.stdout).at(-1)).toMatchObject({ type: 'result', runs: [{ id: run, state: 'running' }] });

    const again = startLab('runs', 'resume', experiment);
    await again.line(isProgress);
    const [stopped] = jsonLines((await lab('runs', 'stop', run, '--json')).stdout);
    expect(stopped).toMatchObject([{ id: run, state: 'stopped', resumeCount: 0 }]);
    const ended = await again.finished;
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('1 of 1 run can go on');
    const resumed = startLab('runs', 'resume', run);
    await resumed.line(isProgress);
    expect(await labJson('runs', 'list')).toMatchObject([{ id: run, state: 'running', resumeCount: 1 }]);
  });

  it('runs pause there with a checkpoint, and the command that follows them says how to go on', async () => {
    await startApp();
    const first = startLab('train', '--config', 'long.json', '--seeds', '1,2');
    const { experiment, run } = await idsOf(first);
    await first.line(isProgress);
    const paused = await lab('runs', 'pause', experiment, '--json');
    expect(paused).toMatchObject({ status: 0, stderr: `${run}: pausing with a checkpoint.\n` });
    expect(jsonLines(paused.stdout)).toMatchObject([[{ id: run, state: 'paused' }, { state: 'paused' }]]);
    const ended = await first.finished;
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(`2 of 2 runs can go on: npm run --silent lab -- runs resume ${experiment}`);
    const shown = (await labJson('runs', 'show', run)) as { checkpoints: unknown[] };
    expect(shown.checkpoints.length).toBeGreaterThan(0);
    expect(await lab('runs', 'pause', experiment)).toMatchObject({
      status: 0,
      stderr: 'None of these runs waits or trains.\n',
    });
    expect(await lab('runs', 'pause', run)).toMatchObject({
      status: 1,
      stderr: `Run ${run} is paused and cannot be paused.\nOnly a waiting or training run can be paused.\n`,
    });
    const resumed = startLab('runs', 'resume', experiment);
    await resumed.line(isProgress);
    const stopped = jsonLines((await lab('runs', 'stop', experiment, '--json')).stdout);
    expect(stopped).toMatchObject([[{ state: 'stopped' }, { state: 'stopped' }]]);
    expect(await resumed.finished).toMatchObject({ status: 1 });
  });

  it('its death is told to whoever follows', async () => {
    const app = await startApp();
    const client = startLab('train', '--config', 'long.json');
    const { run } = await idsOf(client);
    await client.line(isProgress);
    app.child.kill('SIGKILL');
    const { status, stdout, stderr } = await client.finished;
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    const { error } = jsonLines(stdout).at(-1) as unknown as { error: { code: string; message: string; hint: string } };
    expect(error).toMatchObject({
      code: 'labUnreachable',
      message: `The lab’s owner, process ${app.child.pid} (the web host), has ended before this was done.`,
    });
    expect(error.hint).toContain('runs list --lab');
    expect(await labJson('runs', 'list')).toMatchObject([{ id: run, state: 'lost' }]);
  });
});
