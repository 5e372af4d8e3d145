import { describe, expect, it } from 'vitest';
import { canonicalJson, hashDocument } from '#shared/canonicalJson.ts';
import { normalizableLayerNames } from '#shared/domain/architecture.ts';
import { architectureLayers, architectureSchema } from '#shared/domain/architectures/index.ts';
import { expandExperiment, hashComparison, parseExperimentDocument } from '#shared/domain/experiment.ts';
import { shapeLayers } from '#shared/domain/layerShapes.ts';
import { presetExperiment, presets, scales } from '#shared/domain/presets.ts';
import { completeRunDocument, hashRunDocument, parseRunDocument } from '#shared/domain/run.ts';
import { durationInSteps, stepsPerEpoch } from '#shared/domain/trainingLength.ts';
import { learningRateAt } from '#shared/domain/learningRate.ts';
import { canTransition, isResumable, runStates } from '#shared/domain/runState.ts';
import { applySetting, parseSettingValue } from '#shared/domain/setting.ts';
import { LabError } from '#shared/errors.ts';

const minimal = { dataset: { id: 'example' } };

describe('run documents', () => {
  it('fill in the defaults of the paper', () => {
    expect(parseRunDocument(minimal)).toEqual({
      format: 'normlab.run',
      version: 1,
      dataset: { id: 'example', trainingImages: null, validationImages: null, subsetSeed: 0 },
      architecture: {
        id: 'paper-cnn',
        widthMultiplier: 1,
        widths: [32, 32, 64, 64],
        kernelSizes: [3],
        poolAfter: [4],
        hiddenSizes: [512],
      },
      method: { id: 'batchNorm', epsilon: 1e-5, runningMomentum: 0.9 },
      normalizedLayers: 'all',
      layerMethods: {},
      dropout: { ratio: 0, placement: 'afterNormalizer', layers: 'all' },
      optimizer: {
        id: 'sgd',
        learningRate: 0.1,
        momentum: 0.9,
        weightDecay: 0,
        scaleWithBatchSize: true,
        referenceBatchSize: 64,
      },
      schedule: { id: 'perStepDecay', decayPerStep: 1e-4 },
      warmUp: { unit: 'epochs', value: 0 },
      augmentation: { cropPadding: 0, horizontalFlip: false },
      batchSize: 64,
      length: { unit: 'epochs', value: 5 },
      evaluation: { every: { unit: 'epochs', value: 1 }, batchSize: 500 },
      diagnostics: { groups: [], every: { unit: 'epochs', value: 1 }, images: 500 },
      checkpoints: {
        every: { unit: 'epochs', value: 1 },
        keepLast: 2,
        keepBest: true,
        keepEvery: { unit: 'epochs', value: 0 },
      },
      seed: 1,
      initialWeights: { file: null },
      execution: { engine: 'auto', mode: 'compiled', operations: 'fused', precision: 'float32' },
    });
  });

  it.each([
    ['an unknown key', { ...minimal, learningRate: 0.1 }, /learningRate/],
    ['an unknown key within', { ...minimal, optimizer: { id: 'sgd', rate: 1 } }, /rate/],
    ['a value out of range', { ...minimal, optimizer: { id: 'sgd', momentum: 1 } }, /optimizer\.momentum/],
    ['a fraction for a count', { ...minimal, batchSize: 6.5 }, /batchSize/],
    ['an unknown method', { ...minimal, method: { id: 'batchnorm' } }, /method/],
    ['not a number', { ...minimal, batchSize: Number.NaN }, /batchSize/],
    ['a newer version', { ...minimal, version: 2 }, /version/],
    ['batch size 1 with BN', { ...minimal, batchSize: 1 }, /batchSize is 1/],
    ['no data set', {}, /dataset/],
    ['no object', 'BN', /document/],
  ])('refuse %s and name it', (_, input, message) => {
    const parse = (): unknown => parseRunDocument(input);
    expect(parse).toThrow(LabError);
    expect(parse).toThrow(message);
  });

  it('have a hash that does not depend on the order of keys', () => {
    const document = parseRunDocument(minimal);
    const reordered = Object.fromEntries(Object.entries(document).reverse());
    expect(hashDocument(reordered)).toBe(hashRunDocument(document));
    expect(hashRunDocument(parseRunDocument({ ...minimal, seed: 2 }))).not.toBe(hashRunDocument(document));
  });

  it('hash canonical JSON by SHA-256', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'é' }], a: 0.1, x: undefined })).toBe(
      '{"a":0.1,"b":[1,{"c":"é","d":null}]}',
    );
    // printf '{"a":1}' | sha256sum
    expect(hashDocument({ a: 1 })).toBe('015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862');
  });

  it('scale the learning rate with the batch size and decay it each step', () => {
    const document = parseRunDocument({ ...minimal, batchSize: 256 });
    const length = { stepsPerEpoch: 195, totalSteps: 60_000 };
    expect(learningRateAt(document, 0, length)).toBe(0.4);
    // 0.4 * (1 - 1e-4) ** 60000, Python 3.11
    expect(Math.abs(learningRateAt(document, 60_000, length) / 0.0009912034451935202 - 1)).toBeLessThan(1e-12);
    const constant = parseRunDocument({
      ...minimal,
      batchSize: 256,
      optimizer: { id: 'sgd', scaleWithBatchSize: false },
      schedule: { id: 'constant' },
    });
    expect(learningRateAt(constant, 60_000, length)).toBe(0.1);
  });

  // Values of tests/trainer/optimizerReference.py.
  it.each([
    [
      'drops after epochs',
      { schedule: { id: 'epochDecay', epochs: [1, 2.5] }, warmUp: { unit: 'epochs', value: 0.5 } },
      [0, 2, 4, 9, 10, 24, 25, 39],
      [0.16, 0.48, 0.8, 0.8, 0.08, 0.08, 0.008, 0.008],
    ],
    [
      'a cosine',
      { schedule: { id: 'cosine', finalFraction: 0.1 }, warmUp: { unit: 'steps', value: 4 } },
      [0, 3, 10, 20, 39],
      [0.2, 0.7900531713431636, 0.6945584412271572, 0.44, 0.08110975985607394],
    ],
  ])('follow %s with a warm-up', (_name, changes, steps, rates) => {
    const document = parseRunDocument({ ...minimal, ...changes, optimizer: { id: 'sgd', learningRate: 0.8 } });
    const length = { stepsPerEpoch: 10, totalSteps: 40 };
    steps.forEach((step, index) => {
      expect(learningRateAt(document, step, length)).toBeCloseTo(rates[index] ?? NaN, 12);
    });
  });

  it('from before a field was added mean its default', () => {
    const { warmUp: _, augmentation: __, ...rest } = parseRunDocument(minimal);
    const older = { ...rest, architecture: { id: 'paper-cnn', widthMultiplier: 1 } };
    expect(completeRunDocument(older)).toEqual(parseRunDocument(minimal));
    // What is no document any more is not made one.
    expect(completeRunDocument({ version: 0 })).toEqual({ version: 0 });
  });

  it('count full batches only, and at least one step', () => {
    expect([stepsPerEpoch(10_000, 64), stepsPerEpoch(50, 64), stepsPerEpoch(128, 64)]).toEqual([156, 1, 2]);
    expect(durationInSteps({ unit: 'epochs', value: 0.5 }, 156)).toBe(78);
    expect(durationInSteps({ unit: 'epochs', value: 0.001 }, 156)).toBe(1);
    expect(durationInSteps({ unit: 'steps', value: 7 }, 156)).toBe(7);
  });
});

describe('settings', () => {
  it.each([
    ['batchSize', 256, { batchSize: 256 }],
    ['optimizer.learningRate', 0.3, { optimizer: { id: 'sgd', learningRate: 0.3 } }],
    ['schedule.decayPerStep', 0, { schedule: { id: 'perStepDecay', decayPerStep: 0 } }],
    ['evaluation.batchSize', 100, { evaluation: { batchSize: 100 } }],
    ['method', 'none', { method: { id: 'none' } }],
    ['length', '200steps', { length: { unit: 'steps', value: 200 } }],
    ['length', '2.5 epochs', { length: { unit: 'epochs', value: 2.5 } }],
    ['warmUp', '1epochs', { warmUp: { unit: 'epochs', value: 1 } }],
    ['architecture.widths', '16+32', { architecture: { id: 'paper-cnn', widths: [16, 32] } }],
    ['architecture.hiddenSizes', 64, { architecture: { id: 'paper-cnn', hiddenSizes: [64] } }],
    ['architecture.hiddenSizes', 'none', { architecture: { id: 'paper-cnn', hiddenSizes: [] } }],
    ['normalizedLayers', 'conv1+fc1', { normalizedLayers: ['conv1', 'fc1'] }],
    ['dropout.layers', 'fc1', { dropout: { layers: ['fc1'] } }],
    ['layerMethods.conv1', 'groupNorm', { layerMethods: { conv1: { id: 'groupNorm' } } }],
    ['dataset', 'cifar-10', { dataset: { id: 'cifar-10' } }],
  ])('set %s to %s', (path, value, expected) => {
    expect(applySetting({}, path, value)).toEqual(expected);
  });

  it('keep the subset when another data set is chosen, and drop its pinned checksum', () => {
    const document = { dataset: { id: 'a', checksum: 'x', trainingImages: 100 } };
    expect(applySetting(document, 'dataset', 'b')).toEqual({ dataset: { id: 'b', trainingImages: 100 } });
    expect(document.dataset.id).toBe('a');
  });

  it('reach into a method that was given by name', () => {
    expect(applySetting({ method: 'batchNorm' }, 'method.epsilon', 0.001)).toEqual({
      method: { id: 'batchNorm', epsilon: 0.001 },
    });
  });

  it.each(['', '.', 'a..b', '__proto__.x', 'constructor.prototype'])('refuse the path “%s”', (path) => {
    expect(() => applySetting({}, path, 1)).toThrow(LabError);
  });

  it('give a layer a method before its parameters', () => {
    expect(() => applySetting({}, 'layerMethods.conv1.groups', 4)).toThrow(/layerMethods.conv1 has no method yet/);
    const named = applySetting({}, 'layerMethods.conv1', 'groupNorm');
    expect(applySetting(named, 'layerMethods.conv1.groups', 4)).toEqual({
      layerMethods: { conv1: { id: 'groupNorm', groups: 4 } },
    });
  });

  it('read diagnostics by name, and forget the checksum of another file', () => {
    expect(applySetting({}, 'diagnostics.groups', 'affine+statistics')).toEqual({
      diagnostics: { groups: ['affine', 'statistics'] },
    });
    expect(applySetting({}, 'diagnostics.groups', 'none')).toEqual({ diagnostics: { groups: [] } });
    const all = applySetting(minimal, 'diagnostics.groups', 'all');
    expect(parseRunDocument(all).diagnostics.groups).toHaveLength(7);
    const pinned = { initialWeights: { file: '/a', sha256: 'a'.repeat(64) } };
    expect(applySetting(pinned, 'initialWeights.file', '/b')).toEqual({ initialWeights: { file: '/b' } });
  });

  it('refuse a length without unit and a path through a number', () => {
    expect(() => applySetting({}, 'length', '5 minutes')).toThrow(/5 minutes/);
    expect(() => applySetting({ batchSize: 64 }, 'batchSize.x', 1)).toThrow(/batchSize/);
  });

  it('read JSON where it is JSON, else text', () => {
    expect(['64', '0.1', 'true', 'null', 'none', '"64"', '[1,2]'].map(parseSettingValue)).toEqual([
      64,
      0.1,
      true,
      null,
      'none',
      '64',
      [1, 2],
    ]);
  });
});

describe('experiments', () => {
  it('expand to every combination times every seed, seeds outermost', () => {
    const experiment = parseExperimentDocument({
      name: 'BN and batch size',
      base: minimal,
      vary: [
        { key: 'method', values: ['batchNorm', 'none'] },
        { key: 'batchSize', values: [64, 256] },
      ],
      seeds: [3, 1],
    });
    const runs = expandExperiment(experiment);
    expect(runs.map((run) => [run.label, run.document.seed, run.document.batchSize, run.document.method.id])).toEqual([
      ['batchNorm, batchSize 64', 3, 64, 'batchNorm'],
      ['batchNorm, batchSize 256', 3, 256, 'batchNorm'],
      ['none, batchSize 64', 3, 64, 'none'],
      ['none, batchSize 256', 3, 256, 'none'],
      ['batchNorm, batchSize 64', 1, 64, 'batchNorm'],
      ['batchNorm, batchSize 256', 1, 256, 'batchNorm'],
      ['none, batchSize 64', 1, 64, 'none'],
      ['none, batchSize 256', 1, 256, 'none'],
    ]);
  });

  it('keep the fields of a choice for the value they belong to', () => {
    const base = { ...minimal, method: { id: 'batchNorm', epsilon: 0.01 } };
    const vary = [{ key: 'method', values: ['batchNorm', 'none'] }];
    const runs = expandExperiment(parseExperimentDocument({ name: 'x', base, vary }));
    expect(runs.map((run) => run.document.method)).toMatchObject([{ epsilon: 0.01 }, { id: 'none' }]);
  });

  it.each([
    ['a seed twice', { seeds: [1, 1] }, /seeds/],
    ['a value twice', { vary: [{ key: 'batchSize', values: [64, 64] }] }, /batchSize/],
    [
      'a key twice',
      {
        vary: [
          { key: 'seed', values: [1] },
          { key: 'seed', values: [2] },
        ],
      },
      /keys that vary/,
    ],
    ['an empty name', { name: '  ' }, /name/],
    ['an unknown key', { sweep: true }, /sweep/],
  ])('refuse %s', (_, change, message) => {
    expect(() => parseExperimentDocument({ name: 'x', base: minimal, ...change })).toThrow(message);
  });

  it('make valid runs of every preset at every scale', () => {
    for (const preset of presets) {
      for (const scale of scales) {
        expect(expandExperiment(parseExperimentDocument(presetExperiment(preset.id, scale))).length).toBeGreaterThan(0);
      }
    }
    expect(() => presetExperiment('fig99')).toThrow(/fig99/);
  });
});

describe('architectures', () => {
  it('stack the paper’s CNN with 8,459,818 weights and biases', () => {
    const layers = architectureLayers(architectureSchema.parse({ id: 'paper-cnn' }), [32, 32, 3], 10);
    let [height, width, channels] = [32, 32, 3];
    let count = 0;
    for (const layer of layers) {
      if (layer.type === 'convolution') {
        count += layer.kernelSize ** 2 * channels * layer.channels + layer.channels;
        channels = layer.channels;
      } else if (layer.type === 'maxPool') {
        height /= layer.stride;
        width /= layer.stride;
      } else if (layer.type === 'flatten') {
        channels *= height * width;
      } else if (layer.type === 'dense') {
        count += channels * layer.channels + layer.channels;
        channels = layer.channels;
      }
    }
    expect(count).toBe(8_459_818);
    expect(normalizableLayerNames(layers)).toEqual(['conv1', 'conv2', 'conv3', 'conv4', 'fc1']);
  });

  it('stack CNNs of other shapes', () => {
    const settings = { widths: [8, 16], kernelSizes: [5, 3], poolAfter: [1, 2], hiddenSizes: [], widthMultiplier: 2 };
    const layers = architectureLayers(architectureSchema.parse({ id: 'paper-cnn', ...settings }), [12, 8, 3], 4);
    expect(
      shapeLayers(layers, [12, 8, 3]).map(({ name, outputShape, kernelSize }) => [name, outputShape, kernelSize]),
    ).toEqual([
      ['conv1', [12, 8, 16], 25 * 3 * 16],
      ['maxPool1', [6, 4, 16], 0],
      ['conv2', [6, 4, 32], 9 * 16 * 32],
      ['maxPool2', [3, 2, 32], 0],
      ['flatten1', [192], 0],
      ['fc1', [4], 192 * 4],
    ]);
  });

  it.each([
    [{ id: 'paper-cnn', kernelSizes: [3, 3] }, [8, 8, 1], /kernelSizes has 2 numbers for 4 convolutions/],
    [{ id: 'paper-cnn', poolAfter: [5] }, [8, 8, 1], /names convolution 5, but there are only 4/],
    [{ id: 'paper-cnn', poolAfter: [1, 2, 3, 4] }, [8, 8, 1], /halves the image 4 times, but the images are 8×8/],
  ] as const)('refuse %j for images of %j', (settings, image, message) => {
    expect(() => architectureLayers(architectureSchema.parse(settings), image, 10)).toThrow(
      expect.objectContaining({ code: 'invalidDocument', message: expect.stringMatching(message) as string }) as Error,
    );
  });

  it('stack ResNet-18 in eight residual blocks with a normalizer behind every convolution', () => {
    const layers = architectureLayers(architectureSchema.parse({ id: 'resnet18' }), [32, 32, 3], 10);
    const shaped = new Map(shapeLayers(layers, [32, 32, 3]).map((layer) => [layer.name, layer]));
    expect(layers.filter(({ type }) => type === 'add')).toHaveLength(8);
    expect(normalizableLayerNames(layers)).toHaveLength(1 + 16 + 3);
    expect(
      ['conv1', 'stage1-block2-add', 'stage2-block1-shortcut', 'stage4-block2-add', 'globalAveragePool1', 'fc1'].map(
        (name) => shaped.get(name)?.outputShape,
      ),
    ).toEqual([[32, 32, 64], [32, 32, 64], [16, 16, 128], [4, 4, 512], [512], [10]]);
    expect(shaped.get('stage2-block1-shortcut')?.kernelSize).toBe(64 * 128);
  });
});

describe('run states', () => {
  it('never leave done or diverged, and resume what was cut off', () => {
    expect(runStates.filter((to) => canTransition('done', to))).toEqual([]);
    expect(runStates.filter((to) => canTransition('diverged', to))).toEqual([]);
    expect(runStates.filter(isResumable)).toEqual(['stopped', 'paused', 'failed', 'lost']);
  });
});

describe('groups of an experiment', () => {
  const grouped = {
    name: 'Two groups',
    base: minimal,
    groups: [
      { label: 'batchNorm, batchSize 64', settings: [{ key: 'batchSize', value: 64 }] },
      {
        label: 'populationNorm, batchSize 256',
        settings: [
          { key: 'method', value: 'populationNorm' },
          { key: 'method.images', value: 300 },
          { key: 'batchSize', value: 256 },
        ],
      },
    ],
    seeds: [3, 4],
  };
  const claim = {
    id: 'lower',
    figure: 'Figure 0',
    text: 'The first has the lower loss.',
    parts: [
      {
        metric: 'validation/loss',
        left: 'batchNorm, batchSize 64',
        right: 'populationNorm, batchSize 256',
        expected: { relation: 'less' },
      },
    ],
  };

  it('set several fields at once, and are combined with what varies', () => {
    const runs = expandExperiment(parseExperimentDocument({ ...grouped, claims: [claim] }));
    expect(runs.map(({ label, document }) => [label, document.method, document.batchSize, document.seed])).toEqual(
      [3, 4].flatMap((seed) => [
        ['batchNorm, batchSize 64', expect.objectContaining({ id: 'batchNorm' }), 64, seed],
        ['populationNorm, batchSize 256', expect.objectContaining({ id: 'populationNorm', images: 300 }), 256, seed],
      ]),
    );
    const varied = { ...grouped, vary: [{ key: 'optimizer.momentum', values: [0, 0.5] }], seeds: [1] };
    expect(expandExperiment(parseExperimentDocument(varied)).map(({ label }) => label)).toEqual([
      'batchNorm, batchSize 64, momentum 0',
      'batchNorm, batchSize 64, momentum 0.5',
      'populationNorm, batchSize 256, momentum 0',
      'populationNorm, batchSize 256, momentum 0.5',
    ]);
  });

  it('have names of their own, which claims know', () => {
    const [first] = grouped.groups;
    expect(() => parseExperimentDocument({ ...grouped, groups: [first, first] })).toThrow(/labels of the groups/);
    const elsewhere = { ...claim, parts: [{ ...claim.parts[0], right: 'populationNorm' }] };
    expect(() => expandExperiment(parseExperimentDocument({ ...grouped, claims: [elsewhere] }))).toThrow(
      /“lower” compares “populationNorm”, but no run/,
    );
    expect(() => expandExperiment(parseExperimentDocument({ ...grouped, claims: [claim, claim] }))).toThrow(
      /Two claims have the id “lower”/,
    );
  });

  it('make another comparison where they differ; name, seeds, claims and spelled-out absence of a seed do not', () => {
    const hash = (document: unknown): string => hashComparison(parseExperimentDocument(document));
    const own = hash(grouped);
    expect(hash({ ...grouped, name: 'Other', seeds: [1], claims: [claim], base: { ...grouped.base, seed: 9 } })).toBe(
      own,
    );
    expect(hash({ ...grouped, base: { ...grouped.base, batchSize: 64 } })).not.toBe(own);
    expect(hash({ ...grouped, groups: grouped.groups.slice(1) })).not.toBe(own);
    expect(hash({ ...grouped, vary: [{ key: 'optimizer.momentum', values: [0] }] })).not.toBe(own);
  });
});
