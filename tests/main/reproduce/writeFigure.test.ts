import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeFigure } from '#main/reproduce/writeFigure.ts';
import { figureExperiment, type FigureDescription } from '#shared/domain/figures/figure.ts';
import { figure2 } from '#shared/domain/figures/figure2.ts';
import { verdictFileSchema } from '#shared/domain/verdictFile.ts';
import { openTestLab, temporaryFolder, until } from '../contract/testLab.ts';

const small = 'batchNorm, batchSize 2';
const large = 'batchNorm, batchSize 4';

/** A figure for the four images of the test's data set. */
const tinyFigure: FigureDescription = {
  ...figure2,
  datasetId: 'tiny',
  referenceBatchSize: 2,
  scales: {
    ...figure2.scales,
    smoke: { ...figure2.scales.smoke, base: { dataset: {}, length: { unit: 'epochs', value: 2 } } },
  },
  groups: [
    { label: small, settings: [{ key: 'batchSize', value: 2 }] },
    { label: large, settings: [{ key: 'batchSize', value: 4 }] },
  ],
  claims: [
    {
      id: 'lower',
      figure: 'Figure 0',
      text: 'The smaller batch has the lower loss.',
      parts: [{ metric: 'validation/loss', left: small, right: large, expected: { relation: 'less' } }],
    },
  ],
};

it('names runs that diverged or failed in the verdicts, and judges without them', async () => {
  const { client, events } = await openTestLab({ behaviour: { 2: 'diverge', 3: 'fail' } });
  const [dataset] = await client.invoke('datasets.list', {});
  if (dataset === undefined) throw new Error('There is one.');
  const document = figureExperiment(tinyFigure, {
    scale: 'smoke',
    reading: 'equal-epoch',
    dataset: { id: 'tiny', trainingImages: 4 },
    seeds: [1, 2, 3, 4],
  });
  const { experiment, runIds } = await client.invoke('experiments.ensure', { document });
  await until({ events }, async () => {
    const { running, queued } = await client.invoke('queue.get', {});
    return running.length + queued.length === 0;
  });
  const directory = join(await temporaryFolder(), 'new', 'folder');
  const { verdicts, files } = await writeFigure(
    client,
    tinyFigure,
    { scale: 'smoke', dataset, settings: [] },
    [{ reading: 'equal-epoch', experiment, runIds }],
    directory,
  );
  expect(verdictFileSchema.parse(JSON.parse(await readFile(join(directory, 'verdicts.json'), 'utf8')))).toEqual(
    verdicts,
  );
  expect(files.at(-1)).toBe(join(directory, 'verdicts.md'));

  const [reading] = verdicts.readings;
  expect(reading?.runs.map(({ seed, state }) => [seed, state])).toEqual(
    [
      [1, 'done'],
      [2, 'diverged'],
      [3, 'failed'],
      [4, 'done'],
    ].flatMap((run) => [run, run]),
  );
  // The fake trainer's loss depends on the seed only: both differences are 0.
  expect(reading?.claims[0]).toMatchObject({
    verdict: 'inconclusive',
    parts: [{ count: 2, mean: 0, interval: null, reason: expect.stringMatching(/same difference/) as string }],
  });
  const markdown = await readFile(join(directory, 'verdicts.md'), 'utf8');
  expect(markdown).toContain(
    'Seed 2 is left out: Batch normalization, batch size 2 diverged; Batch normalization, batch size 4 diverged.',
  );
  expect(markdown).toContain('Batch normalization, batch size 4, seed 3: failed. No engine here.');
  expect(markdown).toContain('| Batch normalization, batch size 2 | 2 of 4 |');
  expect(await readFile(join(directory, 'fig2-equal-epoch.svg'), 'utf8')).toContain(
    'band: 95% t-interval of the mean · no smoothing · × diverged',
  );
  const csv = await readFile(join(directory, 'fig2-equal-epoch-final-values.csv'), 'utf8');
  // A run that failed before its first evaluation has no values, which is not 0.
  const failed = csv.split('\r\n').filter((line) => line.includes('failed'));
  expect(failed).toHaveLength(2);
  expect(failed[0]).toMatch(/,failed,[0-9a-f]{64},0,,,$/);
});
