import { describe, expect, it } from 'vitest';
import { previewExperiment } from '#main/contract/experimentPreview.ts';
import { SpeedBook } from '#main/contract/speedBook.ts';
import type { RunRecord } from '#main/store/store.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { parseRunDocument, type RunDocumentInput } from '#shared/domain/run.ts';
import { fakeDataset } from '../runs/fakes.ts';

/** CIFAR-10 in words. */
const cifar10: DatasetDocument = {
  ...fakeDataset,
  id: 'cifar-10',
  image: { height: 32, width: 32, channels: 3 },
  classNames: Array.from({ length: 10 }, (_, index) => `class ${index}`),
  training: { ...fakeDataset.training, count: 50_000 },
  validation: { ...fakeDataset.validation, count: 10_000 },
};
const datasets = [cifar10, fakeDataset];

const preview = (document: unknown, speeds = new SpeedBook()) => previewExperiment(document, datasets, speeds);

const paperExperiment = {
  name: 'Paper',
  base: { dataset: { id: 'cifar-10' }, length: { unit: 'epochs', value: 2 } },
  vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
  seeds: [1, 2, 3],
};

describe('preview of an experiment', () => {
  it('shows the runs in the order of their training', () => {
    const { problems, warnings, runs } = preview(paperExperiment);
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
    expect(runs.slice(0, 3)).toEqual([
      // 781 full batches of 64 an epoch.
      { label: 'batchNorm', seed: 1, totalSteps: 1562 },
      { label: 'none', seed: 1, totalSteps: 1562 },
      { label: 'batchNorm', seed: 2, totalSteps: 1562 },
    ]);
    expect(runs).toHaveLength(6);
  });

  it('needs no data set where the architecture draws its own data', () => {
    const own = {
      name: 'Units',
      base: {
        dataset: { id: 'nowhere' },
        architecture: { id: 'teacher-student', inputs: 64, samples: 128 },
        method: { id: 'none' },
        batchSize: 32,
        length: { unit: 'epochs', value: 2 },
      },
    };
    const { problems, runs, parameterCount } = preview(own);
    expect({ problems, runs, parameterCount }).toEqual({
      problems: [],
      // Four batches an epoch; 64 weights and a bias.
      runs: [{ label: 'none', seed: 1, totalSteps: 8 }],
      parameterCount: 65,
    });
    const impossible = preview({ ...own, base: { ...own.base, method: { id: 'layerNorm' } } }).problems;
    expect(impossible.map(({ path }) => path)).toContain('base.method');
    const huge = { ...own.base.architecture, inputs: 16_384, samples: 1_000_000 };
    expect(preview({ ...own, base: { ...own.base, architecture: huge } }).problems.map(({ path }) => path)).toContain(
      'base.architecture',
    );
  });

  it('shows the stack of layers and counts parameters', () => {
    const { layers, parameterCount } = preview(paperExperiment);
    expect(layers.map(({ name, outputShape, normalized }) => [name, outputShape.join('×'), normalized])).toEqual([
      ['conv1', '32×32×32', true],
      ['conv2', '32×32×32', true],
      ['conv3', '32×32×64', true],
      ['conv4', '32×32×64', true],
      ['maxPool1', '16×16×64', false],
      ['flatten1', '16384', false],
      ['fc1', '512', true],
      ['fc2', '10', false],
    ]);
    // Kernels 864 + 9216 + 18432 + 36864 + 8388608 + 5120; γ and β of 704 channels; 10 biases.
    expect(parameterCount).toBe(8_459_104 + 2 * 704 + 10);
    const none = preview({ ...paperExperiment, vary: [], base: { ...paperExperiment.base, method: { id: 'none' } } });
    expect(none.parameterCount).toBe(8_459_104 + 704 + 10);
    expect(none.layers.some(({ normalized }) => normalized)).toBe(false);
  });

  it('draws the schedule of the base run', () => {
    const { schedule } = preview(paperExperiment);
    expect(schedule).toHaveLength(200);
    expect(schedule[0]).toEqual({ step: 0, learningRate: 0.1 });
    expect(schedule.at(-1)?.step).toBe(1561);
    // 0.1 · (1 − 10⁻⁴)^1561
    expect(schedule.at(-1)?.learningRate).toBeCloseTo(0.0855467, 6);
    const short = preview({
      ...paperExperiment,
      base: { ...paperExperiment.base, length: { unit: 'steps', value: 3 } },
    });
    expect(short.schedule.map(({ step }) => step)).toEqual([0, 1, 2]);
  });

  it('names every problem by its path', () => {
    const named = preview({
      name: '',
      base: { dataset: { id: 'cifar-10' }, batchSize: 0, optimizer: { id: 'sgd', learningRate: -1 }, colour: 'red' },
      vary: [
        { key: 'schedule', values: ['constant', 'sometimes'] },
        { key: 'batchSize.deep', values: [1] },
        { key: 'schedule', values: [1, 1] },
      ],
      seeds: [1, 2, 1],
    });
    expect(new Set(named.problems.map(({ path }) => path))).toEqual(
      new Set([
        'name',
        'seeds',
        'vary',
        'vary.2.values',
        'base',
        'base.batchSize',
        'base.optimizer.learningRate',
        'vary.0.values.1',
        'vary.1.key',
        'vary.2.values.0',
        'vary.2.values.1',
      ]),
    );
    for (const { message } of named.problems) expect(message).not.toBe('');
    expect([named.runs, named.estimatedMemoryBytes]).toEqual([[], null]);
  });

  it('shows the runs also while the name is not written yet', () => {
    const { problems, runs } = preview({ ...paperExperiment, name: '' });
    expect(problems.map(({ path }) => path)).toEqual(['name']);
    expect(runs).toHaveLength(6);
  });

  it.each<[string, RunDocumentInput, unknown[], string[]]>([
    ['an unknown data set', { dataset: { id: 'other' } }, [], ['base.dataset.id']],
    [
      'subsets that are larger than the data',
      { dataset: { id: 'cifar-10', trainingImages: 50_001, validationImages: 10_001 } },
      [],
      ['base.dataset.trainingImages', 'base.dataset.validationImages'],
    ],
    [
      'a batch that is larger than the subset',
      { dataset: { id: 'cifar-10', trainingImages: 100 }, batchSize: 128 },
      [],
      ['base.batchSize'],
    ],
    ['batches of one image', { dataset: { id: 'cifar-10' }, batchSize: 1 }, [], ['base.batchSize']],
    [
      'a batch size among several',
      { dataset: { id: 'cifar-10', trainingImages: 100 } },
      [{ key: 'batchSize', values: [10, 128] }],
      ['vary.0.values'],
    ],
    [
      'layers that are not there',
      { dataset: { id: 'cifar-10' }, normalizedLayers: ['conv9', 'fc2', 'conv1'] },
      [],
      ['base.normalizedLayers', 'base.normalizedLayers'],
    ],
  ])('finds %s', (_what, base, vary, paths) => {
    expect(preview({ name: 'x', base, vary, seeds: [1] }).problems.map(({ path }) => path)).toEqual(paths);
  });

  it('does not even count out what would never end', () => {
    const values = Array.from({ length: 99 }, (_, index) => index + 2);
    const { problems, runs } = preview({
      ...paperExperiment,
      vary: ['batchSize', 'evaluation.batchSize', 'checkpoints.keepLast'].map((key) => ({ key, values })),
    });
    expect(problems).toEqual([{ path: 'vary', message: 'This would make 2910897 runs; at most 2000 are possible.' }]);
    expect(runs).toEqual([]);
  });

  it.each([null, 5, 'text', [], {}, { base: 7 }])('says what is wrong with %j', (document) => {
    expect(preview(document).problems.length).toBeGreaterThan(0);
  });

  it('warns of what is probably not meant', () => {
    const { warnings } = preview({
      ...paperExperiment,
      base: {
        dataset: { id: 'cifar-10', trainingImages: 1000 },
        batchSize: 600,
        method: { id: 'none' },
        normalizedLayers: ['conv1'],
      },
      seeds: [1, 2],
    });
    expect(warnings).toEqual([
      'With fewer than 3 seeds no interval can be given.',
      'With batch size 600 each epoch leaves out 400 of 1000 training images: only full batches are trained.',
      'The choice of normalized layers has no effect with No normalization.',
    ]);
    expect(preview({ ...paperExperiment, base: { ...paperExperiment.base, batchSize: 1024 } }).warnings).toEqual([
      'Scaled with batch size 1024 the learning rate begins at 1.6, which may diverge.',
    ]);
  });
});

describe('estimates', () => {
  /** A run of this document that was as fast. */
  const measured = (document: RunDocumentInput, samplesPerSecond: number, peakMemoryBytes: number | null): RunRecord =>
    ({
      document: parseRunDocument(document),
      summary: { samplesPerSecond, peakMemoryBytes },
      progress: null,
      environment: null,
    }) as unknown as RunRecord;
  const base: RunDocumentInput = { dataset: { id: 'cifar-10' }, length: { unit: 'epochs', value: 2 } };

  function speedsOf(...runs: RunRecord[]): SpeedBook {
    const speeds = new SpeedBook();
    speeds.setDatasets(datasets);
    for (const run of runs) speeds.record(run);
    return speeds;
  }

  it('are absent before a run of the same method', () => {
    expect(preview(paperExperiment).estimatedSeconds).toBeNull();
    expect(preview(paperExperiment, speedsOf(measured(base, 1000, null))).estimatedSeconds).toBeNull();
  });

  it('come from the latest run of the same kind', () => {
    const speeds = speedsOf(
      measured(base, 1, 1),
      measured({ ...base, method: { id: 'none' } }, 2000, null),
      measured(base, 1000, 123),
    );
    const { estimatedSeconds, estimatedMemoryBytes } = preview({ ...paperExperiment, seeds: [1, 2] }, speeds);
    // 1562 steps of 64 images, and three evaluations of 10,000 at a third of the cost; per 1000 and per 2000.
    const images = 1562 * 64 + 3 * (10_000 / 3);
    expect(estimatedSeconds).toBeCloseTo(2 * (images / 1000 + images / 2000), 6);
    expect(estimatedMemoryBytes).toBeGreaterThan(123);
    expect(preview({ ...paperExperiment, vary: [] }, speeds).estimatedMemoryBytes).toBe(123);
  });

  it('scale with the multiplications of an image', () => {
    const speeds = speedsOf(measured(base, 1000, null));
    const half: RunDocumentInput = { ...base, architecture: { id: 'paper-cnn', widthMultiplier: 0.5 } };
    const document = parseRunDocument(half);
    const full = (864 + 9216 + 18432 + 36864) * 1024 + 8_388_608 + 5120;
    const halved = (432 + 2304 + 4608 + 9216) * 1024 + 2_097_152 + 2560;
    expect(speeds.samplesPerSecond(document, cifar10)).toBeCloseTo((1000 * full) / halved, 6);
  });

  it('take the nearest batch size', () => {
    const speeds = speedsOf(
      measured({ ...base, batchSize: 16 }, 100, null),
      measured({ ...base, batchSize: 256 }, 900, null),
    );
    const at = (batchSize: number) => speeds.samplesPerSecond(parseRunDocument({ ...base, batchSize }), cifar10);
    expect([at(8), at(32), at(128), at(512)]).toEqual([100, 100, 900, 900]);
  });

  it('grow with what a network holds in memory', () => {
    const memory = (batchSize: number): number =>
      preview({ ...paperExperiment, vary: [], base: { ...base, batchSize, evaluation: { batchSize: 1 } } })
        .estimatedMemoryBytes ?? 0;
    // Outputs of an image: three values for each of 4 convolutions and fc1, two of fc2, one of pool and flatten.
    const outputs = 3 * (2 * 32_768 + 2 * 65_536 + 512) + 2 * 10 + 16_384 + 16_384;
    expect(memory(128) - memory(64)).toBe(64 * 2 * outputs * 4);
  });
});
