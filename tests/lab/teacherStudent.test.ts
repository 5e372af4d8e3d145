import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLab, type Lab } from '#main/lab.ts';
import { generatedDataset } from '#shared/domain/architectures/index.ts';
import { createTinyLabDirectory, javascriptOnly, tinyRun } from './tinyLab.ts';

let folder: Awaited<ReturnType<typeof createTinyLabDirectory>>;
let lab: Lab;
beforeEach(async () => {
  folder = await createTinyLabDirectory();
  lab = await createLab({ labDirectory: folder.directory, door: 'cli', engines: javascriptOnly });
});
afterEach(async () => {
  await lab.close({ graceful: false });
  await folder.remove();
});

const base = {
  ...tinyRun,
  dataset: { id: 'nowhere' },
  architecture: { id: 'teacher-student', inputs: 6, samples: 44, validationSamples: 13 },
};

describe('a lab with a teacher and its student', () => {
  it('trains it without a data set, pins the data it drew, and goes on after a stop', async () => {
    const { runs } = await lab.experiments.create({
      name: 'Units',
      base,
      vary: [{ key: 'architecture.activation', values: ['identity', 'erf'] }],
    });
    expect(runs.map(({ document }) => document.dataset)).toEqual(
      runs.map(({ document }) => ({
        ...document.dataset,
        id: 'teacher-student',
        checksum: generatedDataset(document.architecture)?.checksum,
      })),
    );
    expect(runs[0]?.document.dataset.checksum).not.toBe(runs[1]?.document.dataset.checksum);
    const ids = runs.map((run) => run.id);
    lab.runs.start(ids);
    const ended = await lab.runs.whenEnded(ids);
    expect(ended.map(({ state, error }) => ({ state, error }))).toEqual([
      { state: 'done', error: null },
      { state: 'done', error: null },
    ]);
    expect(ended[0]?.summary).toMatchObject({ trainAccuracy: null, validationAccuracy: null });
    expect(ended[0]?.summary?.validationLoss).toBeGreaterThan(0);
    const series = lab.metrics.list(ids[0] ?? '').map(({ series: name }) => name);
    expect(series).toEqual(
      expect.arrayContaining([
        'validation/loss',
        'teacher/distance',
        'teacher/overlap',
        'teacher/gamma',
        'teacher/length',
      ]),
    );
    expect(series.filter((name) => name.endsWith('/accuracy'))).toEqual([]);
  });

  it('refuses methods that leave nothing to train, and more samples than were drawn', async () => {
    await expect(
      lab.experiments.create({ name: 'LN', base: { ...base, method: { id: 'layerNorm' } } }),
    ).rejects.toMatchObject({
      code: 'invalidDocument',
      message: 'Teacher and student cannot have Layer normalization.',
    });
    await expect(
      lab.experiments.create({ name: 'Many', base: { ...base, dataset: { id: 'nowhere', trainingImages: 45 } } }),
    ).rejects.toMatchObject({ code: 'invalidDocument', message: expect.stringContaining('has 44') as string });
  });
});
