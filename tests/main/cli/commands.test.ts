import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLab } from '#main/lab.ts';
import { createTinyLabDirectory, tinyRun } from '../../lab/tinyLab.ts';
import { finishCommand, jsonLines, runHere, startCommand, type CommandResult } from './commandLine.ts';

let folder: Awaited<ReturnType<typeof createTinyLabDirectory>>;
let work = '';
let environment: NodeJS.ProcessEnv = {};
beforeAll(async () => {
  folder = await createTinyLabDirectory();
  work = await mkdtemp(join(tmpdir(), 'normlab-cli-'));
  await writeFile(join(work, 'run.json'), JSON.stringify(tinyRun));
  environment = { INIT_CWD: work, NORMLAB_ENGINE_DIR: join(work, 'engines') };
});
afterAll(async () => {
  await folder.remove();
  await rm(work, { recursive: true, force: true });
});

const lab = (...args: string[]): Promise<CommandResult> =>
  runHere(args.includes('--lab') ? args : [...args, '--lab', folder.directory], environment);

describe('wrong use ends with status 2 and says what is right', () => {
  it.each<[string[], RegExp]>([
    [['trian'], /Unknown command 'trian'\.\nDid you mean train\?/],
    [['train', '--presett', 'x'], /Unknown option '--presett'\.\nDid you mean --preset\?/],
    [['runs', 'show'], /Missing required argument 'id'/],
    [['runs', 'wrong'], /Unknown command 'runs wrong'\.\nChoose one of: list, show, resume/],
    [['runs', 'list', 'more'], /Too many arguments for 'list'.*\n`npm run --silent lab -- runs list --help`/],
    [['runs', 'list', '--state', 'sleeping'], /Allowed choices are queued.*[^.]\.\n/],
    [['runs', 'list', '--lab', ''], /--lab has no name/],
    [['datasets', 'import'], /Missing required argument 'path'/],
    [['engines', 'install', 'abacus'], /Allowed choices are tensorflow-cuda/],
    [['bench', '--steps', '0'], /not a count/],
    [['bench', '--method', 'magic'], /Allowed choices are none, batchNorm/],
    [['analyze', 'x'], /--kind/],
    [['analyze', 'x', '--kind', 'fold', '--orders', '3'], /orders/],
    [['analyze', 'x', '--kind', 'ablation', '--orders', 'many'], /orders/],
    [['analyze', 'x', '--kind', 'fold', '--out', 'fold.csv'], /\.json/],
    [['analyze', 'x', '--kind', 'fold', '--checkpoint', 'first'], /no checkpoint\.\nWrite last, best or/],
    [['runs', 'export', 'x', '--folded'], /--weights/],
    [['runs', 'export', 'x', '--checkpoint', 'best'], /--weights/],
    [['train', '--preset', 'quickstart', '--checkpoint', 'best'], /--from-run RUN/],
    [['runs', 'export', 'x', '--weights', 'weights.txt'], /\.safetensors, \.npz/],
    [['train', '--preset', 'quickstart', '--fold'], /--from-run RUN/],
    [['train', '--preset', 'quickstart', '--from-run', 'x'], /excludes/],
    [['train'], /nothing to train/],
    [['train', '--config', 'run.json', '--preset', 'quickstart'], /exclude each other/],
    [['train', '--preset', 'slowstart'], /no preset “slowstart”\.\nChoose one of: quickstart/],
    [['train', '--preset', 'quickstart', '--scale', 'giant'], /no scale “giant”/],
    [['train', '--preset', 'quickstart', '--set', 'batchSize'], /has no value/],
    [['train', '--preset', 'quickstart', '--set', 'learningRate=1'], /Did you mean optimizer\.learningRate\?/],
    [['train', '--preset', 'quickstart', '--set', 'batchSize=0'], /batchSize/],
    [['train', '--preset', 'quickstart', '--set', 'optimizer.learningRate=fast'], /optimizer\.learningRate/],
    [['train', '--preset', 'quickstart', '--set', 'length=5miles'], /5epochs/],
    [['train', '--preset', 'quickstart', '--set', 'length=5'], /5epochs/],
    [['train', '--preset', 'quickstart', '--set', 'method.epsilon=9'], /method\.epsilon/],
    [['train', '--preset', 'quickstart', '--set', 'method.magic=9'], /magic/],
    [['train', '--preset', 'quickstart', '--set', 'method.epsilon=1', '--vary', 'method=none'], /method=batchNorm/],
    [['train', '--preset', 'quickstart', '--set', 'seed.x=3'], /no fields of its own/],
    [['train', '--preset', 'quickstart', '--vary', 'seed=1,2'], /Use --seeds/],
    [['train', '--preset', 'quickstart', '--vary', 'batchSize=64,64'], /twice/],
    [['train', '--preset', 'quickstart', '--seeds', '1,x'], /not a list of seeds/],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await lab(...args);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('as JSON with --json', async () => {
    const { status, stdout, stderr } = await lab('train', '--preset', 'quickstart', '--set', 'batchSize=0', '--json');
    expect({ status, stderr }).toEqual({ status: 2, stderr: '' });
    expect(jsonLines(stdout)).toEqual([
      {
        type: 'error',
        error: {
          code: 'invalidDocument',
          message: expect.stringContaining('batchSize') as string,
          hint: expect.any(String) as string,
        },
      },
    ]);
  });
});

describe('a failure ends with status 1 in two clean lines', () => {
  it.each<[string, string | null, RegExp]>([
    ['absent.json', null, /absent\.json cannot be read\.\nCheck the path/],
    ['broken.json', '{', /is not JSON/],
    ['list.json', '[]', /holds no run or experiment document/],
    ['unknown.json', JSON.stringify({ ...tinyRun, bachSize: 3 }), /bachSize/],
    ['range.json', JSON.stringify({ ...tinyRun, batchSize: -3 }), /batchSize/],
    ['data.json', JSON.stringify({ ...tinyRun, dataset: { id: 'absent' } }), /no data set “absent”/],
    ['batch.json', JSON.stringify({ ...tinyRun, batchSize: 45 }), /only 44 training images/],
    ['experiment.json', JSON.stringify({ name: 'x', base: { ...tinyRun, method: 'magic' } }), /method/],
  ])('for %s', async (name, text, message) => {
    if (text !== null) await writeFile(join(work, name), text);
    const { status, stdout, stderr } = await lab('train', '--config', name);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  });

  it('for a run, a data set and a lab folder that are not there', async () => {
    expect(await lab('runs', 'show', 'zzz')).toMatchObject({ status: 1 });
    expect(await lab('datasets', 'show', 'zzz')).toMatchObject({ status: 1 });
    expect(await lab('datasets', 'import', 'zzz')).toMatchObject({ status: 1 });
    expect(await runHere(['runs', 'list', '--lab', join(work, 'run.json')], environment)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is a file') as string,
    });
  });
});

describe('help', () => {
  it('lists every key that can be set, from the document’s schema', async () => {
    const { status, stdout } = await lab('train', '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/optimizer\.learningRate\s+number > 0, ≤ 100; default 0\.1/);
    expect(stdout).toMatch(/method\.epsilon .*with method=batchNorm/);
    expect(stdout).toMatch(/execution\.engine\s+auto \| tensorflow \| javascript/);
  });

  it('says how to get a data set where there is none', async () => {
    const { status, stdout, stderr } = await runHere(['datasets', 'list', '--json', '--lab', join(work, 'empty')]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '[]\n' });
    expect(stderr).toContain('datasets example');
  });

  it('plans without training', async () => {
    const { status, stdout } = await lab(
      'train',
      '--config',
      'run.json',
      '--vary',
      'batchSize=4,8',
      '--seeds',
      '1,2',
      '--dry-run',
      '--json',
    );
    expect(status).toBe(0);
    const [plan] = jsonLines(stdout);
    expect(plan).toMatchObject({ type: 'result', dryRun: true });
    expect(
      (plan?.['runs'] as { label: string; document: { seed: number } }[]).map((run) => [run.label, run.document.seed]),
    ).toEqual([
      ['batchSize 4', 1],
      ['batchSize 8', 1],
      ['batchSize 4', 2],
      ['batchSize 8', 2],
    ]);
    expect(jsonLines((await lab('runs', 'list', '--json')).stdout)).toEqual([[]]);
  });
});

describe('a lab that another process owns', () => {
  it('can be read but not trained in', async () => {
    const owner = await createLab({ labDirectory: folder.directory, door: 'web' });
    try {
      expect(await lab('datasets', 'list', '--json')).toMatchObject({ status: 0 });
      expect(await lab('runs', 'list', '--json')).toMatchObject({ status: 0, stdout: '[]\n' });
      const { status, stdout } = await lab('train', '--config', 'run.json', '--json');
      expect(status).toBe(1);
      expect(jsonLines(stdout)).toMatchObject([{ type: 'error', error: { code: 'labInUse' } }]);
      expect(stdout).toContain(String(process.pid));
    } finally {
      await owner.close();
    }
  });
});

describe('training from the command line', () => {
  it('reports progress as JSON lines, then answers for the run in every other command', async () => {
    const { status, stdout, stderr } = await finishCommand(
      startCommand(
        ['train', '--config', 'run.json', '--vary', 'method=batchNorm,none', '--json', '--lab', folder.directory],
        environment,
      ),
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = jsonLines(stdout);
    expect(new Set(lines.map(({ type }) => type))).toEqual(new Set(['experiment', 'run', 'progress', 'result']));
    const result = lines.at(-1) as unknown as {
      experiment: { id: string; name: string };
      runs: { id: string; label: string; state: string; summary: { steps: number } }[];
    };
    expect(result).toMatchObject({
      type: 'result',
      experiment: { name: 'run' },
      runs: [
        { label: 'batchNorm', state: 'done', summary: { steps: 10 } },
        { label: 'none', state: 'done', summary: { steps: 10 } },
      ],
    });
    const { experiment, runs } = result;
    const id = runs[0]?.id ?? '';

    expect(await lab('runs', 'show', experiment.id)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`Name one of: ${runs.map((run) => run.id).join(', ')}.`) as string,
    });
    const shown = await lab('runs', 'show', id);
    expect(shown.stdout).toContain('train/loss: 10 points');
    expect((await lab('runs', 'list')).stdout).toMatch(/batchNorm +1 +done +10/);

    const compared = await lab('runs', 'compare', experiment.id, '--svg', 'curves.svg', '--json');
    expect(jsonLines(compared.stdout)).toMatchObject([{ rows: [{ label: 'batchNorm', runs: 1 }, { label: 'none' }] }]);
    expect(await readFile(join(work, 'curves.svg'), 'utf8')).toContain(id);

    const folding = await lab('analyze', id, '--kind', 'fold', '--engine', 'javascript', '--json');
    expect(jsonLines(folding.stdout)).toMatchObject([{ run: id, step: 10, kind: 'fold', isEqual: true }]);
    const ablation = await lab('analyze', id, '--kind', 'ablation', '--points', '3', '--orders', '2', '--out', 'a.csv');
    expect(ablation.stdout).toContain('Area under the curve');
    const orders = (await readFile(join(work, 'a.csv'), 'utf8')).trimEnd().split('\r\n');
    expect(orders[0]).toBe('order,fixedChannels,channels,accuracy');
    expect(orders).toHaveLength(1 + 3 * 2);
    const weights = await lab('runs', 'export', id, '--weights', 'weights.npz', '--folded');
    expect(weights.stdout).toContain(join(work, 'weights.npz'));
    expect((await readFile(join(work, 'weights.npz'))).subarray(0, 2).toString()).toBe('PK');
    expect((await lab('runs', 'export', id, '--weights', 'w.npz', '--checkpoint', '3')).stderr).toMatch(/steps: 10/);

    // Figure 7: from the normalized network without normalization, kernel norms logged from the start.
    const more = ['--set', 'length=3steps', '--set', 'diagnostics.every=1steps', '--json'];
    const finetuned = await lab('train', '--from-run', id, '--fold', ...more);
    expect(finetuned.status).toBe(0);
    const [tuned] = (jsonLines(finetuned.stdout).at(-1) as unknown as typeof result).runs;
    const [{ document, series }] = jsonLines(
      (await lab('runs', 'show', tuned?.id ?? '', '--json')).stdout,
    ) as unknown as [
      { document: Record<string, unknown>; series: { series: string; firstStep: number; count: number }[] },
    ];
    expect(document).toMatchObject({
      method: { id: 'none' },
      optimizer: { id: 'sgd', learningRate: 0.001, momentum: 0, scaleWithBatchSize: false },
      schedule: { id: 'constant' },
      initialWeights: { file: `run-${id}-step-10-folded.safetensors` },
    });
    expect(series).toContainEqual(expect.objectContaining({ series: 'kernelNorm/conv1', firstStep: 0, count: 4 }));
    const plain = await lab('train', '--from-run', runs[1]?.id ?? '', '--fold');
    expect(plain).toMatchObject({ status: 1, stderr: expect.stringContaining('no normalizer to fold') as string });

    const exported = await lab('runs', 'export', id, '--series', 'train/loss', '--out', 'run.csv');
    expect(exported.status).toBe(0);
    const rows = (await readFile(join(work, 'run.csv'), 'utf8')).trimEnd().split('\r\n');
    expect(rows).toHaveLength(11);
    expect(await lab('runs', 'export', id, '--series', 'train/loss,loss')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/has a series “loss”\.\nThere are: .*train\/loss/) as string,
    });
    expect(await lab('runs', 'export', id, '--out', join('absent', 'run.csv'))).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/its folder does not exist\.\nName a file/) as string,
    });
    expect(await lab('runs', 'list', '--state', 'failed')).toMatchObject({ status: 0, stderr: 'No run is so.\n' });
    expect(rows[0]).toBe('run,label,method,batchSize,seed,state,documentHash,series,step,value');
    const json = JSON.parse((await lab('runs', 'export', experiment.id, '--json')).stdout) as {
      runs: { series: Record<string, { values: number[] }> }[];
    };
    expect(json.runs[0]?.series['train/loss']?.values).toHaveLength(10);

    expect(await lab('runs', 'resume', id)).toMatchObject({ status: 1 });
    expect(await lab('runs', 'delete', id, '--json')).toMatchObject({ status: 0, stdout: `{"deleted":["${id}"]}\n` });
    expect(await lab('runs', 'show', id)).toMatchObject({ status: 1 });
  });

  it('stops with a checkpoint on SIGINT, says how to go on, and goes on', async () => {
    const command = startCommand(
      [
        'train',
        '--config',
        'run.json',
        '--set',
        'length=5000steps',
        '--set',
        'evaluation.every=5000steps',
        '--json',
        '--lab',
        folder.directory,
      ],
      environment,
    );
    let interrupted = false;
    const { status, stdout, stderr } = await finishCommand(command, (line) => {
      if (interrupted || !line.includes('"progress"')) return;
      interrupted = true;
      command.kill('SIGINT');
    });
    expect(status).toBe(1);
    const result = jsonLines(stdout).at(-1) as unknown as {
      experiment: { id: string };
      runs: { id: string; state: string }[];
    };
    expect(result).toMatchObject({ type: 'result', runs: [{ state: 'stopped', error: null }] });
    expect(stderr).toContain(`runs resume ${result.experiment.id} --lab`);
    const shown = JSON.parse((await lab('runs', 'show', result.runs[0]?.id ?? '', '--json')).stdout) as {
      checkpoints: unknown[];
    };
    expect(shown.checkpoints.length).toBeGreaterThan(0);

    const resumed = startCommand(['runs', 'resume', result.experiment.id, '--lab', folder.directory], environment);
    // Once for a checkpoint, and again at once.
    const cues = ['epoch', 'Stopping with a checkpoint'];
    resumed.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (cues[0] === undefined || !text.includes(cues[0])) return;
      cues.shift();
      resumed.kill('SIGINT');
    });
    expect(await finishCommand(resumed)).toMatchObject({ status: 1 });
    const again = JSON.parse((await lab('runs', 'show', result.runs[0]?.id ?? '', '--json')).stdout) as object;
    expect(again).toMatchObject({ state: 'stopped', resumeCount: 1 });
  });

  it('does not mind a reader that has seen enough', async () => {
    const command = startCommand(['train', '--help'], environment);
    command.stdout?.destroy();
    expect(await finishCommand(command)).toMatchObject({ status: 0, stderr: '' });
  });
});
