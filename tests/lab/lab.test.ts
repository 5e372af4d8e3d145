import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLab, type Lab, type LabOptions } from '#main/lab.ts';
import { isTimingSeries } from '#shared/domain/metric.ts';
import { createTinyLabDirectory, javascriptOnly, tinyRun } from './tinyLab.ts';

let folder: Awaited<ReturnType<typeof createTinyLabDirectory>>;
let lab: Lab | null = null;
beforeEach(async () => {
  folder = await createTinyLabDirectory();
});
afterEach(async () => {
  await lab?.close({ graceful: false });
  lab = null;
  await folder.remove();
});

async function open(options: Partial<LabOptions> = {}): Promise<Lab> {
  return (lab = await createLab({ labDirectory: folder.directory, door: 'cli', engines: javascriptOnly, ...options }));
}

/** Every point that depends on the network, by series. */
function curves({ metrics }: Lab, runId: string): Record<string, [steps: number[], values: number[]]> {
  const names = metrics.list(runId).map(({ series }) => series);
  return Object.fromEntries(
    names
      .filter((name) => !isTimingSeries(name))
      .map((name) => {
        const { steps, values } = metrics.read(runId, name);
        return [name, [[...steps], [...values]]];
      }),
  );
}

describe('a lab', () => {
  it('trains an experiment: paired runs, every series, checkpoints, history that survives a restart', async () => {
    const first = await open();
    const { experiment, runs } = await first.experiments.create({
      name: 'BN against none',
      base: tinyRun,
      vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
    });
    const ids = runs.map((run) => run.id);
    first.runs.start(ids);
    const ended = await first.runs.whenEnded(ids);
    expect(ended.map(({ state, error, label }) => ({ state, error, label }))).toEqual([
      { state: 'done', error: null, label: 'batchNorm' },
      { state: 'done', error: null, label: 'none' },
    ]);
    expect(Object.keys(curves(first, ids[0] ?? ''))).toEqual(
      expect.arrayContaining(['train/loss', 'validation/loss', 'validation/accuracy', 'gammaSquared/conv1']),
    );
    expect(ended[0]?.document.dataset.checksum).toMatch(/^[0-9a-f]{64}$/);
    const before = [ended, curves(first, ids[0] ?? '')];
    await first.close();
    const again = await open();
    expect(again.experiments.get(experiment.id)?.name).toBe('BN against none');
    expect([again.runs.list(), curves(again, ids[0] ?? '')]).toEqual(before);
  });

  it('makes the same series from the same seed, and after a SIGKILL and resuming', async () => {
    let killAt: string | null = null;
    const opened = await open({
      wrapStore: (store) => ({
        ...store,
        runs: {
          ...store.runs,
          addCheckpoint: (checkpoint) => {
            store.runs.addCheckpoint(checkpoint);
            const pid = lab?.runs.trainerPid(checkpoint.runId);
            if (checkpoint.runId === killAt && pid !== undefined) process.kill(pid, 'SIGKILL');
          },
        },
      }),
    });
    const create = async (): Promise<string> => {
      const { runs } = await opened.experiments.create({ name: 'Same', base: tinyRun, seeds: [11] });
      return runs[0]?.id ?? '';
    };
    const train = async (id: string): Promise<unknown> => {
      opened.runs.resume(id);
      const [run] = await opened.runs.whenEnded([id]);
      return { state: run?.state, resumeCount: run?.resumeCount };
    };
    const [unbroken, repeated, killed] = [await create(), await create(), await create()];
    expect(await train(unbroken)).toEqual({ state: 'done', resumeCount: 0 });
    expect(await train(repeated)).toEqual({ state: 'done', resumeCount: 0 });
    killAt = killed;
    expect(await train(killed)).toEqual({ state: 'lost', resumeCount: 0 });
    killAt = null;
    expect(await train(killed)).toEqual({ state: 'done', resumeCount: 1 });
    const expected = curves(opened, unbroken);
    expect(expected['train/loss']?.[0]).toHaveLength(10);
    expect(curves(opened, repeated)).toEqual(expected);
    expect(curves(opened, killed)).toEqual(expected);
    const summary = opened.runs.get(unbroken).summary;
    expect(opened.runs.get(killed).summary).toMatchObject({
      steps: summary?.steps,
      trainLoss: summary?.trainLoss,
      validationLoss: summary?.validationLoss,
      bestValidationAccuracy: summary?.bestValidationAccuracy,
    });
  });

  it('belongs to one process', async () => {
    await open();
    await expect(createLab({ labDirectory: folder.directory, door: 'web' })).rejects.toMatchObject({
      code: 'labInUse',
    });
    await lab?.close();
    await open();
  });
});

describe('an experiment is refused', () => {
  it.each([
    [
      'more training images than there are',
      { dataset: { id: 'tiny', trainingImages: 45 } },
      /trainingImages is 45.*has 44/,
    ],
    [
      'more validation images than there are',
      { dataset: { id: 'tiny', validationImages: 14 } },
      /validationImages is 14.*has 13/,
    ],
    ['a batch larger than the data', { batchSize: 45 }, /batchSize is 45.*only 44/],
    [
      'a layer that is not there',
      { normalizedLayers: ['conv1', 'fc2', 'conv9'] },
      /“fc2”, which cannot have.*“conv9”, which is no layer/,
    ],
    ['other data than pinned', { dataset: { id: 'tiny', checksum: '0'.repeat(64) } }, /checksum does not match/],
    ['data that is not there', { dataset: { id: 'absent' } }, /no data set “absent”/],
    ['an unknown key', { bachSize: 3 }, /bachSize/],
    ['a value out of range', { optimizer: { id: 'sgd', learningRate: -1 } }, /optimizer.learningRate/],
    ['a batch of one with BN', { batchSize: 1 }, /at least two images/],
  ])('for %s, and nothing is created', async (_, change, message) => {
    const opened = await open();
    await expect(opened.experiments.create({ name: 'Wrong', base: { ...tinyRun, ...change } })).rejects.toThrow(
      message,
    );
    expect([opened.experiments.list(), opened.runs.list()]).toEqual([[], []]);
  });
});
