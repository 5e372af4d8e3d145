import { tensor, type Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset, type DatasetSplitReader } from '#files/datasetFolder.ts';
import { architectureLayers, architectureSchema } from '#shared/domain/architectures/index.ts';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { diagnosticGroups, diagnosticQuantities } from '#shared/domain/diagnostics.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { batchNoise, combineBatches, distanceFromPopulation } from '#trainer/diagnostics/batchStatistics.ts';
import { createDiagnostics, diagnosticSeries, type DiagnosticValues } from '#trainer/diagnostics/diagnostics.ts';
import { channelCorrelations, channelKurtosis, meanAbsoluteCorrelation } from '#trainer/diagnostics/hiddenValues.ts';
import { channelNorms, effectiveLearningRates, totalNorm } from '#trainer/diagnostics/kernels.ts';
import type { Engine, StepBody, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { createNetwork } from '#trainer/network.ts';
import { createOptimizer } from '#trainer/optimizer.ts';
import { createInitialState, uploadState, type StateValues } from '#trainer/state.ts';
import { createGradientStep, gradientPrefix } from '#trainer/steps/gradients.ts';
import { disposeAll } from '#trainer/tensors.ts';
import { batchNorm, conv2dSame, testValues } from '../../conformance/float64Reference.ts';
import { testEngines } from '../../engines.ts';
import { createTinyLab, tinyImage, type TinyLab } from '../tinyDataset.ts';
import { runTraining, tinyDocument } from '../trainHarness.ts';

// Literals of this file: reference.py beside it.
const h = Float64Array.from(testValues(72), (value) => Math.fround(value ** 3));
const correlations = [
  [1, 0.86078508, 0.528600391],
  [0.86078508, 1, 0.84450871],
  [0.528600391, 0.84450871, 1],
].flat();

function expectClose(actual: ArrayLike<number>, expected: readonly number[], digits = 8): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, index) => expect(actual[index], String(index)).toBeCloseTo(value, digits));
}

describe('statistics of batches and population', () => {
  const batches = [0, 1, 2].map((batch) =>
    batchNorm(h.slice(24 * batch, 24 * (batch + 1)), new Float64Array(3).fill(1), new Float64Array(3), 0),
  );
  const population = combineBatches(batches);

  it('put batches together as if all were one', () => {
    expectClose(population.mean, [-0.097253905, 0.00233354, 0.02398677]);
    expectClose(population.variance, [21.081598526, 21.778592817, 20.745221639]);
  });

  it('measure how batches and running averages differ from the population, in its σ', () => {
    const noise = batchNoise(batches, population);
    expectClose(noise.mean, [0.22643002, 0.206850372, 0.215393762]);
    expectClose(noise.deviation, [0.109922254, 0.100774381, 0.117175476]);
    const distance = distanceFromPopulation({ mean: [0.5, -1, 0], variance: [4, 1, 9] }, population);
    expectClose(distance.mean, [0.130079012, 0.214781739, 0.005266386]);
    expectClose(distance.deviation, [0.564409674, 0.785718295, 0.341338597]);
  });
});

it('measures norms of a kernel and its channels, and the rate at which they turn', () => {
  const norms = channelNorms({ shape: [2, 2, 2, 3], values: Float32Array.from(testValues(24, 5)) });
  expectClose(norms, [4.215752671, 4.096898122, 3.886493153]);
  expect(totalNorm(norms)).toBeCloseTo(7.047125217870867, 10);
  expectClose(effectiveLearningRates(0.1, norms), [0.005626648, 0.005957851, 0.006620399], 9);
});

it('sums channels up, without those that have no value', () => {
  const values: DiagnosticValues = {
    layers: { 'kernelNorm/conv1': 2 },
    channels: { 'kurtosis/conv1': Float64Array.of(1, NaN, 4, 10), 'kurtosis/fc1': Float64Array.of(NaN) },
  };
  expect(diagnosticSeries(values)).toEqual([
    ['kernelNorm/conv1', 2],
    ['kurtosis/conv1', 5],
    ['kurtosis.minimum/conv1', 1],
    ['kurtosis.median/conv1', 4],
    ['kurtosis.maximum/conv1', 10],
    ['kurtosis/fc1', NaN],
    ['kurtosis.minimum/fc1', NaN],
    ['kurtosis.median/fc1', NaN],
    ['kurtosis.maximum/fc1', NaN],
  ]);
});

for (const { name, location } of testEngines) {
  describe.runIf(location)(`on ${name}`, () => {
    let engine: Engine;
    let lab: TinyLab;
    let training: DatasetSplitReader;
    beforeAll(async () => {
      if (location) engine = await openEngine(location);
      lab = await createTinyLab();
      training = await (await openDataset(lab.datasetDirectory)).openSplit('training');
    });
    afterAll(async () => {
      training.close();
      await lab.remove();
      engine.dispose();
    });
    const execution = { mode: 'compiled', operations: 'fused', precision: 'float32' } as const;
    const image: ImageShape = [tinyImage.height, tinyImage.width, tinyImage.channels];

    /** Values of a step with one input x. */
    function compute(x: Tensor, body: (x: Tensor) => Tensor): number[] {
      const stepBody: StepBody = (inputs) => ({ result: body(inputs['x'] as Tensor) });
      const inputs = { x: { shape: x.shape, dtype: 'float32' as const } };
      const step = engine.createStep({ name: 'test', inputs, body: stepBody, ...execution });
      const results = step.run({ x });
      const values = Array.from(results['result']?.dataSync() ?? []);
      disposeAll({ ...results, x });
      step.dispose();
      return values;
    }

    it('measures kurtosis and correlation as SciPy and NumPy do', () => {
      const images = (): Tensor => tensor(Float32Array.from(h), [4, 2, 3, 3], 'float32');
      expectClose(compute(images(), channelKurtosis), [-0.63823349, -0.62779483, -0.70277454], 5);
      const found = compute(images(), channelCorrelations);
      expectClose(found, correlations, 5);
      expect(meanAbsoluteCorrelation(found, 3)).toBeCloseTo(0.7446313936545349, 5);
    });

    it('leaves a constant channel out of the mean correlation', () => {
      const constant = Float32Array.from(h, (value, index) => (index % 3 === 1 ? 7 : value));
      const found = compute(tensor(constant, [24, 3], 'float32'), channelCorrelations);
      expect(found.slice(3, 6).map(Math.abs)).toEqual([0, 0, 0]);
      expect(meanAbsoluteCorrelation(found, 3)).toBeCloseTo(0.528600391, 5);
      expect(compute(tensor(constant, [24, 3], 'float32'), channelKurtosis)[1]).toBeNaN();
    });

    it('measures the first layer as float64 does, and changes nothing', async () => {
      const settings = { id: 'batchNorm', epsilon: 1e-5, runningMomentum: 0.9 } as const;
      const layers = architectureLayers(
        architectureSchema.parse({ id: 'paper-cnn', widthMultiplier: 0.0625 }),
        image,
        3,
      );
      const network = createNetwork(layers, image, settings, 'all');
      const values: StateValues = createInitialState(
        network,
        3,
        createOptimizer({ id: 'sgd', momentum: 0, weightDecay: 0 }),
      );
      const set = (variable: string, of: readonly number[]): void => {
        values[variable] = { shape: [of.length], values: Float32Array.from(of) };
      };
      set('parameters/conv1/gamma', [0.5, -2]);
      set('statistics/conv1/runningMean', [0.25, -0.5]);
      set('statistics/conv1/runningVariance', [4, 0.25]);
      const state: TensorRecord = uploadState(values);
      const groups = [...diagnosticGroups];
      const before = engine.memory().tensorCount;
      const document = { diagnostics: { groups, images: 18 }, batchSize: 5, seed: 11 };
      const meter = createDiagnostics(engine, network, image, training, document, execution);
      const { layers: ofLayers, channels } = await meter.measure(state, 0.1);
      expect(engine.memory().tensorCount).toBe(before);

      // The sample's pixels through the kernel, in float64.
      const order = createRandomStream(11, 'diagnostics').permutation(training.count);
      const pixels = new Float32Array(18 * 48);
      training.gatherStandardized(order.slice(0, 18), pixels);
      const kernel = Float64Array.from(values['parameters/conv1/kernel']?.values ?? []);
      const hidden = conv2dSame(Float64Array.from(pixels), [18, 4, 4, 3], kernel, [3, 3, 3, 2]);
      const one = Float64Array.of(1, 1);
      const moments = (from: number, to: number) =>
        batchNorm(hidden.slice(from * 32, to * 32), one, new Float64Array(2), 0);
      // Three whole batches of five.
      const whole = moments(0, 15);
      const first = moments(0, 5);
      expectClose(channels['batchMean/conv1'] ?? [], [...first.mean], 5);
      expectClose(channels['batchVariance/conv1'] ?? [], [...first.variance], 5);
      expectClose(channels['populationMean/conv1'] ?? [], [...whole.mean], 5);
      expectClose(channels['populationVariance/conv1'] ?? [], [...whole.variance], 5);
      const sigma = whole.variance.map(Math.sqrt);
      expectClose(
        channels['runningMeanDrift/conv1'] ?? [],
        [0.25, -0.5].map((used, channel) => Math.abs(used - (whole.mean[channel] ?? NaN)) / (sigma[channel] ?? NaN)),
        5,
      );
      expectClose(
        channels['runningDeviationDrift/conv1'] ?? [],
        [2, 0.5].map((used, channel) => Math.abs(used / (sigma[channel] ?? NaN) - 1)),
        5,
      );
      const all = moments(0, 18);
      const fourth = new Float64Array(2);
      hidden.forEach((value, index) => {
        const channel = index % 2;
        fourth[channel] = (fourth[channel] ?? 0) + (value - (all.mean[channel] ?? 0)) ** 4 / (hidden.length / 2);
      });
      expectClose(
        channels['kurtosis/conv1'] ?? [],
        [...fourth].map((moment, channel) => moment / (all.variance[channel] ?? NaN) ** 2 - 3),
        4,
      );
      expectClose(channels['gamma/conv1'] ?? [], [0.5, -2]);
      expectClose(channels['gammaSquared/conv1'] ?? [], [0.25, 4]);
      expectClose(channels['beta/conv1'] ?? [], [0, 0]);
      const norm = Math.hypot(...kernel);
      expect(ofLayers['kernelNorm/conv1']).toBeCloseTo(norm, 6);
      const [left = NaN, right = NaN] = channels['effectiveLearningRate/conv1'] ?? [];
      expect(0.1 / left + 0.1 / right).toBeCloseTo(norm ** 2, 5);
      // The last layer has no normalizer: the length of its kernel matters.
      expect(channels['effectiveLearningRate/fc2']).toBeUndefined();

      const gradientStep = createGradientStep(engine, network, image, 5, execution);
      const images = tensor(pixels.slice(0, 5 * 48), [5, 4, 4, 3], 'float32');
      const labels = tensor(
        Int32Array.from(order.slice(0, 5), (index) => training.labels[index] ?? -1),
        [5],
        'int32',
      );
      const gradients = gradientStep.run({ ...state, images, labels });
      for (const layer of ['conv1', 'fc1', 'fc2']) {
        const gradient = gradients[`${gradientPrefix}${layer}/kernel`]?.dataSync() ?? [];
        expect(ofLayers[`gradientNorm/${layer}`]).toBeCloseTo(Math.hypot(...gradient), 5);
      }
      disposeAll({ ...gradients, ...state, images, labels });
      gradientStep.dispose();
      meter.dispose();
    });

    it('logs series at the start, where they are due and at the end, and trains as without', async () => {
      const diagnostics = { groups: [...diagnosticGroups], every: { unit: 'steps', value: 5 }, images: 16 };
      const plain = await runTraining(engine, lab, tinyDocument({ length: { unit: 'steps', value: 7 } }));
      const document = tinyDocument({ length: { unit: 'steps', value: 7 }, diagnostics });
      const observed = await runTraining(engine, lab, document, { checkpoints: 'observed' });
      for (const [series, points] of Object.entries(plain.series)) {
        expect(observed.series[series]?.filter(([step]) => step > 0)).toEqual(points);
      }
      for (const { id, perChannel } of diagnosticQuantities) {
        // ζ is of gamma decay only; the mean of γ² is logged every step anyway.
        if (id === 'zeta') continue;
        const summary = perChannel ? `${id}.median` : id;
        expect(
          observed.series[`${summary}/conv2`]?.map(([step]) => step),
          summary,
        ).toEqual([0, 5, 7]);
      }
      const resumed = await runTraining(engine, lab, document, {
        checkpoints: 'observed',
        resumeFrom: `${lab.directory}/observed/step-000000004.safetensors`,
      });
      const later = observed.series['kurtosis/fc1']?.filter(([step]) => step > 4);
      expect(resumed.series['kurtosis/fc1']).toEqual(later);
    });

    it('logs what is not finite and ends as without diagnostics where a run diverges', async () => {
      const diagnostics = { groups: [...diagnosticGroups], every: { unit: 'steps', value: 1 }, images: 16 };
      const document = tinyDocument({
        method: { id: 'none' },
        optimizer: { id: 'sgd', learningRate: 100, scaleWithBatchSize: false },
        seed: 6,
        diagnostics,
      });
      const result = await runTraining(engine, lab, document, { checkpoints: 'diverging' });
      expect(result.finished.outcome).toBe('diverged');
      expect(result.series['kernelNorm/conv1']?.length).toBeGreaterThan(1);
    });

    it.runIf(name === 'javascript')('logs ζ once it is estimated, and measures under dropout', async () => {
      const diagnostics = { groups: [...diagnosticGroups], every: { unit: 'steps', value: 2 }, images: 12 };
      const document = tinyDocument({
        method: { id: 'populationNormGammaDecay', images: 8 },
        dropout: { ratio: 0.5, placement: 'beforeNormalizer' },
        length: { unit: 'steps', value: 2 },
        diagnostics,
      });
      const { series } = await runTraining(engine, lab, document, { checkpoints: 'dropout' });
      expect(series['zeta.median/conv1']?.map(([step]) => step)).toEqual([2]);
      expect(series['gradientNorm/fc2']?.map(([, value]) => value > 0)).toEqual([true, true]);
    });
  });
}
