import { readFile } from 'node:fs/promises';
import { tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSafetensors } from '#files/safetensors.ts';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { architectureLayers } from '#shared/domain/architectures/index.ts';
import { teacherStudentSchema, type TeacherStudentSettings } from '#shared/domain/architectures/teacherStudent.ts';
import { diagnosticGroups } from '#shared/domain/diagnostics.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { createNetwork } from '#trainer/network.ts';
import { createOptimizer } from '#trainer/optimizer.ts';
import { advanceState, createInitialState, uploadState } from '#trainer/state.ts';
import { createTrainingStep } from '#trainer/steps/training.ts';
import { createGradientStep, gradientPrefix } from '#trainer/steps/gradients.ts';
import { drawTeacherStudentData, erf } from '#trainer/teacherStudent.ts';
import { disposeAll, readScalar, requireTensor, toScalars } from '#trainer/tensors.ts';
import { stepVariants, variantTitle } from '../../conformance/stepTools.ts';
import { testEngines } from '../../engines.ts';
import { useTinyTraining } from '../tinyTraining.ts';
import { runTraining, tinyDocument, type TrainResult } from '../trainHarness.ts';

/** Of teacherStudentReference.py: gradient, losses before each of five steps, and parameters after them; bias last. */
const references: Record<
  TeacherStudentSettings['activation'],
  { gradient: number[]; losses: number[]; parameters: number[] }
> = {
  identity: {
    gradient: [0.18248789308838997, 0.16304503347441823, 0.06691954698712088, -0.0606792480983831, 0.05618373614957317],
    losses: [0.18342112923452195, 0.16538330105344137, 0.1567570708764357, 0.15255439144482286, 0.1504624059431777],
    parameters: [
      0.06274657889245186, -0.4961441307222721, -0.17532471719936676, 0.4476800845329592, 0.07257853524279537,
    ],
  },
  relu: {
    gradient: [
      0.06889227138762166, 0.059747454442260484, 0.022502476174079966, -0.025325768301942553, -0.09036623145608491,
    ],
    losses: [0.20545693958872438, 0.2008004104165271, 0.1980370668604441, 0.19631365634758166, 0.19519241972771922],
    parameters: [
      0.14170745718662828, -0.4177884429882613, -0.13442612431616835, 0.43188633527453996, 0.17788230606681213,
    ],
  },
  erf: {
    gradient: [
      0.1606012060423323, 0.14263144162973695, 0.05757988152943483, -0.05455239655838273, 0.039156094450154555,
    ],
    losses: [0.19422630772980387, 0.17970148656455626, 0.1704654734441379, 0.16446299651213872, 0.16046428673332822],
    parameters: [0.0509517666655456, -0.506076480656455, -0.17872326543803124, 0.4524137282974244, 0.07230448524343505],
  },
};

function settingsOf(changes: Partial<TeacherStudentSettings> = {}): TeacherStudentSettings {
  return teacherStudentSchema.parse({ id: 'teacher-student', ...changes });
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function last(result: TrainResult, series: string): number {
  return result.series[series]?.at(-1)?.[1] ?? NaN;
}

for (const { name, location } of testEngines) {
  describe.runIf(location)(`a student unit on ${name}${location === null ? ' (not on this machine)' : ''}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      if (location) engine = await openEngine(location);
    });
    afterAll(() => engine.dispose());
    const variants = name === 'javascript' ? stepVariants.slice(0, 1) : stepVariants;

    it.each(['identity', 'relu', 'erf'] as const)('has gradients and steps of another program: %s', (activation) => {
      const [samples, inputs] = [7, 4];
      const architecture = settingsOf({ activation, inputs, samples });
      const image: ImageShape = [1, inputs, 1];
      const network = createNetwork(architectureLayers(architecture, image, 1), image, { id: 'none' }, 'all', {
        layerMethods: {},
        dropout: { ratio: 0, placement: 'afterNormalizer', layers: 'all' },
        architecture,
      });
      const optimizer = createOptimizer({ id: 'sgd', momentum: 0, weightDecay: 0 });
      const initial = createInitialState(network, 1, optimizer);
      initial['parameters/unit/kernel']?.values.set([0, 1, 2, 3].map((j) => 0.4 * Math.cos(1.7 * j + 1)));
      initial['parameters/unit/bias']?.values.set([0.1]);
      const values = Float32Array.from({ length: samples * inputs }, (_, index) =>
        Math.cos(1.3 * Math.floor(index / inputs) + 0.7 * (index % inputs)),
      );
      const { gradient, losses, parameters } = references[activation];
      for (const variant of variants) {
        const execution = { ...variant, precision: 'float32' as const };
        let state = uploadState(initial);
        const batch = {
          images: tensor(values, [samples, ...image]),
          labels: tensor(
            Array.from({ length: samples }, (_, i) => Math.sin(0.9 * i)),
            [samples],
            'float32',
          ),
        };
        const gradientStep = createGradientStep(engine, network, image, samples, execution);
        const gradients = gradientStep.run({ ...state, ...batch });
        const found = ['kernel', 'bias'].flatMap((variable) => [
          ...requireTensor(gradients, `${gradientPrefix}unit/${variable}`).dataSync(),
        ]);
        gradient.forEach((expected, index) => {
          expect(found[index], `${variantTitle(variant)}: derivative ${index}`).toBeCloseTo(expected, 5);
        });
        const step = createTrainingStep(engine, network, image, samples, optimizer, execution);
        losses.forEach((expected, index) => {
          const scalars = toScalars(optimizer.scalars(index, 0.3));
          const results = step.run({ ...state, ...batch, ...scalars });
          expect(Object.keys(results)).not.toContain('correctCount');
          expect(readScalar(results, 'loss'), `${variantTitle(variant)}: step ${index}`).toBeCloseTo(expected, 5);
          state = advanceState(state, results);
          disposeAll(scalars);
        });
        const trained = ['kernel', 'bias'].flatMap((variable) => [
          ...requireTensor(state, `parameters/unit/${variable}`).dataSync(),
        ]);
        parameters.forEach((expected, index) => {
          expect(trained[index], `${variantTitle(variant)}: parameter ${index}`).toBeCloseTo(expected, 5);
        });
        for (const record of [gradients, batch, state]) disposeAll(record);
        gradientStep.dispose();
        step.dispose();
      }
      expect(engine.memory().tensorCount).toBe(0);
    });
  });
}

describe('what a teacher teaches', () => {
  it('has erf to float64', () => {
    // Of teacherStudentReference.py.
    for (const [x, expected] of [
      [-3, -0.9999779095030014],
      [-0.5, -0.5204998778130465],
      [0.1, 0.1124629160182849],
      [1, 0.8427007929497149],
      [2.5, 0.999593047982555],
      [5, 0.9999999999984626],
    ] as const) {
      expect(erf(x)).toBeCloseTo(expected, 14);
    }
    expect([erf(0), erf(7), erf(-7)]).toEqual([0, 1, -1]);
  });

  it('is drawn by seed and index: products of a teacher of length 1, with noise in training only', async () => {
    const [inputs, samples, noiseVariance] = [3, 4000, 0.5];
    const data = drawTeacherStudentData(settingsOf({ inputs, samples, noiseVariance, validationSamples: 50 }));
    expect(Math.hypot(...data.teacher)).toBeCloseTo(1, 12);
    const read = async (split: 'training' | 'validation', images: number | null = null) => {
      const reader = await data.openSplit(split, { images });
      const indices = Array.from({ length: reader.count }, (_, index) => index);
      const x = new Float32Array(reader.count * inputs);
      const y = new Float32Array(reader.count);
      reader.gatherStandardized(indices, x);
      reader.gatherLabels(indices, y);
      const products = indices.map((sample) =>
        sumOf([...data.teacher].map((weight, input) => weight * (x[sample * inputs + input] ?? NaN))),
      );
      return { x, y: [...y], products };
    };
    const training = await read('training');
    const noise = training.y.map((value, sample) => value - (training.products[sample] ?? NaN));
    // Four standard errors each.
    const error = 4 / Math.sqrt(samples);
    expect(Math.abs(sumOf(noise) / samples)).toBeLessThan(error * Math.sqrt(noiseVariance));
    expect(Math.abs(sumOf(noise.map((n) => n * n)) / samples - noiseVariance)).toBeLessThan(
      error * noiseVariance * Math.SQRT2,
    );
    expect(Math.abs(sumOf(training.products.map((h) => h * h)) / samples - 1)).toBeLessThan(error * Math.SQRT2);
    const validation = await read('validation');
    validation.y.forEach((value, sample) => expect(value).toBeCloseTo(validation.products[sample] ?? NaN, 6));
    expect([...validation.x.slice(0, 9)]).not.toEqual([...training.x.slice(0, 9)]);
    // A subset is the beginning, and another seed other data.
    expect((await read('training', 10)).y).toEqual(training.y.slice(0, 10));
    const other = drawTeacherStudentData(settingsOf({ inputs, samples, dataSeed: 1 }));
    expect(other.teacher).not.toEqual(data.teacher);
    expect(other.document.checksum).not.toBe(data.document.checksum);
  });
});

describe('a student that is trained', () => {
  const tiny = useTinyTraining();

  const trained = (architecture: Partial<TeacherStudentSettings>, changes: Record<string, unknown>, folder: string) =>
    runTraining(tiny.engine, tiny.lab, tinyDocument({ architecture: settingsOf(architecture), ...changes }), {
      checkpoints: `teacher-${folder}`,
    });

  it.each([
    // ε = S/(α − 1) and 1 − α + αS/(1 − α), the error of the pseudo-inverse (Luo et al. 2019, section 4).
    { samples: 256, theory: 0.25, learningRate: 0.3 },
    { samples: 64, theory: 0.75, learningRate: 0.15 },
  ])('converges to the error of the pseudo-inverse: $samples samples of 128 inputs', async (given) => {
    const { samples, theory, learningRate } = given;
    const errors: number[] = [];
    for (const dataSeed of [0, 1, 2]) {
      const result = await trained(
        { inputs: 128, samples, noiseVariance: 0.25, validationSamples: 500, dataSeed },
        {
          method: { id: 'none' },
          optimizer: { id: 'sgd', learningRate, momentum: 0.9, scaleWithBatchSize: false },
          schedule: { id: 'constant' },
          batchSize: samples,
          length: { unit: 'steps', value: 300 },
          evaluation: { every: { unit: 'steps', value: 300 }, batchSize: 500 },
          checkpoints: { every: { unit: 'steps', value: 300 } },
        },
        `${samples}-${dataSeed}`,
      );
      const distance = last(result, 'teacher/distance');
      errors.push(distance);
      // The validation loss is half of it, but for the bias and as exact as 500 samples are: five standard errors.
      expect(Math.abs((2 * last(result, 'validation/loss')) / distance - 1)).toBeLessThan(5 * Math.sqrt(2 / 500));
      expect(Object.keys(result.series).filter((series) => /accuracy/i.test(series))).toEqual([]);
      expect(result.finished.summary).toMatchObject({ validationAccuracy: null, bestValidationAccuracy: null });
    }
    // The mean of three draws of this size varies by about 8%; the bias and the finite size add 1 to 2%.
    expect(Math.abs(sumOf(errors) / errors.length / theory - 1)).toBeLessThan(0.25);
  });

  it.each(['none', 'batchNorm', 'weightNorm'])('measures the effective weights of %s', async (method) => {
    const settings = settingsOf({ inputs: 300, samples: 40, validationSamples: 10 });
    const result = await trained(
      settings,
      {
        method: { id: method },
        batchSize: 20,
        optimizer: { id: 'sgd', learningRate: 0.01, scaleWithBatchSize: false },
        diagnostics: { groups: [...diagnosticGroups], images: 40 },
      },
      method,
    );
    const { tensors } = parseSafetensors(await readFile(result.lastCheckpoint ?? ''));
    const read = (variable: string): number[] => Array.from(tensors[variable]?.values ?? [], Number);
    const kernel = read(`parameters/unit/${method === 'weightNorm' ? 'direction' : 'kernel'}`);
    const length = Math.hypot(...kernel);
    const [gamma = NaN] = method === 'none' ? [1] : read('parameters/unit/gamma');
    const [variance = NaN] = method === 'batchNorm' ? read('statistics/unit/runningVariance') : [1];
    const scale = method === 'none' ? 1 : method === 'batchNorm' ? gamma / Math.sqrt(variance + 1e-5) : gamma / length;
    const effective = kernel.map((weight) => weight * scale);
    const teacher = [...drawTeacherStudentData(settings).teacher];
    const product = sumOf(teacher.map((weight, input) => weight * (effective[input] ?? NaN)));
    const norm = Math.hypot(...effective);
    expect(last(result, 'teacher/distance')).toBeCloseTo(norm * norm - 2 * product + 1, 4);
    expect(last(result, 'teacher/gamma')).toBeCloseTo(norm, 4);
    expect(last(result, 'teacher/overlap')).toBeCloseTo(product / norm, 4);
    expect(last(result, 'teacher/length')).toBeCloseTo(length, 5);
    expect(tiny.engine.memory().tensorCount).toBe(0);
  });

  it('begins with weights of length 1 in the span of its samples, whatever the method', async () => {
    const start = async (method: string): Promise<number[]> => {
      const result = await trained(
        { inputs: 5, samples: 2, validationSamples: 3 },
        {
          method: { id: method },
          batchSize: 2,
          // So small that nothing moves in float32.
          optimizer: { id: 'sgd', learningRate: 1e-30, scaleWithBatchSize: false },
          length: { unit: 'steps', value: 1 },
        },
        `start-${method}`,
      );
      const { tensors } = parseSafetensors(await readFile(result.lastCheckpoint ?? ''));
      return Array.from(
        (tensors['parameters/unit/kernel'] ?? tensors['parameters/unit/direction'])?.values ?? [],
        Number,
      );
    };
    const weights = await start('none');
    expect(await start('weightNorm')).toEqual(weights);
    expect(Math.hypot(...weights)).toBeCloseTo(1, 6);
    const reader = await drawTeacherStudentData(settingsOf({ inputs: 5, samples: 2, validationSamples: 3 })).openSplit(
      'training',
    );
    const x = new Float32Array(10);
    reader.gatherStandardized([0, 1], x);
    // Least squares on the two samples leaves nothing.
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
      sumOf(Array.from(a, (value, index) => value * (b[index] ?? NaN)));
    const [first, second] = [x.subarray(0, 5), x.subarray(5)];
    const orthogonal = Array.from(second, (v, i) => v - (dot(first, second) / dot(first, first)) * (first[i] ?? NaN));
    const within = [first, orthogonal].map((basis) => dot(weights, basis) ** 2 / dot(basis, basis));
    expect(sumOf(within)).toBeCloseTo(1, 6);
  });
});
