import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { figure2 } from '#shared/domain/figures/figure2.ts';
import { verdictFileSchema, type VerdictFile } from '#shared/domain/verdictFile.ts';
import { createTinyLabDirectory } from '../../lab/tinyLab.ts';
import { finishCommand, jsonLines, runHere, startCommand, type CommandResult } from './commandLine.ts';

let folder: Awaited<ReturnType<typeof createTinyLabDirectory>>;
let work = '';
let environment: NodeJS.ProcessEnv = {};
beforeAll(async () => {
  // As many images as the larger batch takes.
  folder = await createTinyLabDirectory(256, 20);
  work = await mkdtemp(join(tmpdir(), 'normlab-reproduce-'));
  environment = { INIT_CWD: work, NORMLAB_ENGINE_DIR: join(work, 'engines') };
});
afterAll(async () => {
  await folder.remove();
  await rm(work, { recursive: true, force: true });
});

/** The figure on images of 4×4 pixels, in plain JavaScript. */
const tinyArguments = (out: string, ...more: string[]): string[] => [
  ...['reproduce', 'fig2', '--scale', 'smoke', '--dataset', 'tiny', '--out', out],
  ...['--set', 'dataset.trainingImages=null', '--set', 'dataset.validationImages=null'],
  ...['--set', 'architecture.widthMultiplier=0.0625', '--set', 'method.images=32'],
  ...['--set', 'execution.engine=javascript', '--set', 'length=1epochs', '--lab', folder.directory],
  ...more,
];
const reproduce = (...args: string[]): Promise<CommandResult> =>
  runHere(['reproduce', ...args, '--lab', folder.directory], environment);
const readVerdicts = async (out: string): Promise<VerdictFile> =>
  verdictFileSchema.parse(JSON.parse(await readFile(join(work, out, 'verdicts.json'), 'utf8')));

interface RunEvent {
  id: string;
  state: string;
  run: number;
}

describe('wrong use', () => {
  it.each<[string[], RegExp]>([
    [[], /No figure is named\.\nTry `reproduce fig2`/],
    [['fig99'], /no figure “fig99”.*\n.*fig2/],
    [['fig2', '--scale', 'giant'], /Allowed choices are smoke, laptop, paper/],
    [['fig2', '--reading', 'equal-time'], /equal-epoch, equal-step, both/],
    [['fig2', '--seeds', '1,x'], /not a list of seeds/],
    [['fig2', '--set', 'length'], /has no value/],
    [['fig2', '--dataset', 'tiny', '--set', 'batchSize=8'], /“batchSize” is what Figure 2 compares/],
    [['fig2', '--dataset', 'tiny', '--set', 'method=none'], /“method” is what Figure 2 compares/],
    [['fig2', '--dataset', 'tiny', '--set', 'method.magic=1'], /None of the compared methods has the field “magic”/],
    [['fig2', '--dataset', 'tiny', '--set', 'seed=3'], /Use --seeds/],
    [['fig2', '--dataset', 'tiny', '--set', 'learningRate=1'], /Did you mean optimizer\.learningRate\?/],
    [['fig2', '--dataset', 'tiny', '--set', 'length=5miles'], /5epochs/],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await reproduce(...args);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('without the data set says how to get it', async () => {
    const { status, stderr } = await reproduce('fig2');
    expect(status).toBe(1);
    expect(stderr).toMatch(/needs the data set “cifar-10”.*\n.*binary version of CIFAR-10.*datasets import PATH/);
  });
});

it('lists the figures with their claims', async () => {
  const { status, stdout } = await reproduce('--list', '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ id: 'fig2', claims: figure2.claims, datasetId: 'cifar-10' }]);
  expect((await reproduce('--list')).stdout).toContain('Figure 2b: With the larger batch');
});

describe('a figure', () => {
  const ended: RunEvent[] = [];
  let experimentId: unknown;

  it('stops with a checkpoint and says how to go on', async () => {
    const command = startCommand(tinyArguments('out', '--json'), environment);
    const lines: ReturnType<typeof jsonLines> = [];
    let asked = false;
    const { status, stderr } = await finishCommand(command, (line) => {
      lines.push(...jsonLines(line));
      const last = lines.at(-1);
      if (last?.type !== 'run') return;
      if (last['state'] === 'done') ended.push(last as unknown as RunEvent);
      if (!asked && last['state'] === 'running' && last['run'] === 2) asked = command.kill('SIGINT');
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/Stopped\. \d of 8 runs can go on: .*reproduce fig2 --scale smoke.*--set length=1epochs/);
    expect(ended[0]?.run).toBe(1);
    experimentId = lines.find(({ type }) => type === 'experiment')?.['id'];
    // Half a figure has no verdicts.
    expect(await readdir(work)).not.toContain('out');
  });

  it('goes on where it was, trains nothing twice, and judges its claims', async () => {
    const { status, stdout, stderr } = await runHere(tinyArguments('out', '--json'), environment);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = jsonLines(stdout);
    const finished = ended.length;
    expect(lines[0]).toMatchObject({ type: 'experiment', id: experimentId, added: 0, finished });
    const trained = new Set(
      lines.flatMap((line) => (line.type === 'run' && line['state'] === 'running' ? [line['id']] : [])),
    );
    expect(trained.size).toBe(8 - finished);
    expect(ended.filter(({ id }) => trained.has(id))).toEqual([]);

    expect((await readdir(join(work, 'out'))).toSorted()).toEqual([
      'fig2-equal-epoch-curves.csv',
      'fig2-equal-epoch-final-values.csv',
      'fig2-equal-epoch.svg',
      'verdicts.json',
      'verdicts.md',
    ]);
    const verdicts = await readVerdicts('out');
    expect(verdicts).toMatchObject({ figure: 'fig2', scale: 'smoke', dataset: { id: 'tiny' } });
    expect(verdicts.settings).toContainEqual({ key: 'length', value: '1epochs' });
    const [reading] = verdicts.readings;
    expect(reading?.runs.map(({ label, seed, state }) => [label, seed, state])).toEqual(
      [1, 2].flatMap((seed) => figure2.groups.map(({ label }) => [label, seed, 'done'])),
    );
    expect(reading?.claims.map(({ id }) => id)).toEqual(figure2.claims.map(({ id }) => id));
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      readings: [{ claims: reading?.claims.map(({ id, verdict }) => ({ id, verdict })) }],
    });
    // Every difference is that of the final values, which are those of the CSV.
    const csv = await readFile(join(work, 'out', 'fig2-equal-epoch-final-values.csv'), 'utf8');
    const [header = [], ...rows] = csv
      .trimEnd()
      .split('\r\n')
      .map((line) => Array.from(line.matchAll(/"[^"]*"|[^,]+|(?<=,)(?=,|$)/g), ([field]) => field));
    for (const part of reading?.claims.flatMap((claim) => claim.parts) ?? []) {
      const valueOf = (id: string): number => Number(rows.find(([run]) => run === id)?.[header.indexOf(part.metric)]);
      expect(part.pairs).toHaveLength(2);
      for (const { leftRunId, rightRunId, difference } of part.pairs) {
        expect(difference).toBeCloseTo(valueOf(leftRunId) - valueOf(rightRunId), 10);
      }
    }
    const markdown = await readFile(join(work, 'out', 'verdicts.md'), 'utf8');
    expect(markdown).toContain('**Changed from that**: `dataset.trainingImages` = null');
    expect(markdown).toMatch(/1 epochs.*learning rate 0\.05 at batch size 64, in proportion/);
    const svg = await readFile(join(work, 'out', 'fig2-equal-epoch.svg'), 'utf8');
    expect(svg).toContain('Mean of 2 seeds · band: smallest to largest seed');
    for (const { id } of reading?.runs ?? []) expect(svg).toContain(id);
  });

  it('is not trained again, also with one seed, which decides nothing', async () => {
    const { status, stdout } = await runHere(tinyArguments('one', '--seeds', '2', '--json'), environment);
    expect(status).toBe(0);
    expect(jsonLines(stdout)[0]).toMatchObject({ id: experimentId, added: 0, finished: 4 });
    const [reading] = (await readVerdicts('one')).readings;
    expect([reading?.seeds, reading?.otherSeeds]).toEqual([[2], [1]]);
    expect(new Set(reading?.claims.map(({ verdict }) => verdict))).toEqual(new Set(['inconclusive']));
    const markdown = await readFile(join(work, 'one', 'verdicts.md'), 'utf8');
    expect(markdown).toContain('also has seeds 1, which were not asked for');
    expect(markdown).toContain('an interval takes at least two seeds');
  });
});
