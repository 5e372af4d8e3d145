import { tensor } from '@tensorflow/tfjs-core';
import type { SampleReader, SplitOptions } from '#files/datasetFolder.ts';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { teacherStudent, teacherStudentLayer } from '#shared/domain/architectures/teacherStudent.ts';
import type { TeacherStudentSettings } from '#shared/domain/architectures/teacherStudent.ts';
import type { DatasetDocument, DatasetSplit } from '#shared/domain/dataset.ts';
import { metricSeries } from '#shared/domain/metric.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { Engine, Step, TensorRecord } from './engines/engine.ts';
import type { Network } from './network.ts';
import type { StateValues } from './state.ts';
import { statePrefixes, type StepExecution } from './steps/inputs.ts';
import { createPreactivationStep } from './steps/observation.ts';
import { disposeAll, requireTensor } from './tensors.ts';

/** A teacher, what it teaches, and what its student begins with. */
export interface TeacherStudentData {
  document: DatasetDocument;
  /** w*, [N], of length 1. */
  teacher: Float64Array;
  openSplit(split: DatasetSplit, options?: SplitOptions): Promise<SampleReader>;
}

/** g(h) of the teacher. */
function activate(activation: TeacherStudentSettings['activation'], h: number): number {
  if (activation === 'identity') return h;
  return activation === 'relu' ? Math.max(0, h) : erf(h * Math.SQRT1_2);
}

/** erf(x) by the series 2/√π·e^(−x²)·Σ 2ⁿx^(2n+1)/(2n+1)!!, which has no cancellation; 1 from 6 on, to float64. */
export function erf(x: number): number {
  if (Math.abs(x) >= 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/**
 * Draws teacher and samples from the seed of the data: x ~ N(0, I) [N], y = g(w*ᵀx), in training
 * + √S·n, with w* uniform on the sphere ‖w*‖ = 1. Each sample has a stream of its own, so it does not
 * depend on how many there are; samples being independent, a subset is the first of them.
 */
export function drawTeacherStudentData(settings: TeacherStudentSettings): TeacherStudentData {
  const { activation, inputs, noiseVariance, dataSeed } = settings;
  const random = createRandomStream(dataSeed, 'teacher-student/teacher');
  const direction = Float64Array.from({ length: inputs }, () => random.normal());
  const length = Math.sqrt(dot(direction, direction));
  const teacher = direction.map((value) => value / length);
  const document = teacherStudent.generatedDataset(settings);

  return {
    document,
    teacher,
    openSplit(split, { images = null } = {}) {
      const count = images ?? document[split].count;
      const noise = split === 'training' ? Math.sqrt(noiseVariance) : 0;
      const samples = new Float32Array(count * inputs);
      const values = new Float32Array(count);
      for (let index = 0; index < count; index++) {
        const stream = createRandomStream(dataSeed, `teacher-student/${split}/${index}`);
        const sample = stream.normals(inputs, 1);
        samples.set(sample, index * inputs);
        values[index] = activate(activation, dot(teacher, sample)) + noise * stream.normal();
      }
      return Promise.resolve({
        count,
        targets: 'values',
        imageLength: inputs,
        gatherStandardized(indices, into) {
          for (let item = 0; item < indices.length; item++) {
            const start = (indices[item] ?? 0) * inputs;
            into.set(samples.subarray(start, start + inputs), item * inputs);
          }
        },
        gatherLabels(indices, into) {
          for (let item = 0; item < indices.length; item++) into[item] = values[indices[item] ?? 0] ?? 0;
        },
        close: () => undefined,
      });
    },
  };
}

/**
 * Puts the student's weights into the span of the training samples: w = Xᵀa, a ~ N(0, I) [P], scaled to
 * ‖w‖ = 1. Nothing that training does would ever change what lies outside of it, where there are fewer samples
 * than inputs, and the error of what is drawn there would be no error of the method.
 */
export function startInSpanOfSamples(state: StateValues, training: SampleReader, seed: number): void {
  const random = createRandomStream(seed, `initial/${teacherStudentLayer}/combination`);
  const weights = new Float64Array(training.imageLength);
  const sample = new Float32Array(training.imageLength);
  for (let index = 0; index < training.count; index++) {
    training.gatherStandardized([index], sample);
    const factor = random.normal();
    for (let input = 0; input < weights.length; input++)
      weights[input] = (weights[input] ?? 0) + factor * (sample[input] ?? 0);
  }
  const length = Math.sqrt(dot(weights, weights));
  const values = weightsOf(state)?.values;
  weights.forEach((weight, input) => {
    if (values) values[input] = weight / length;
  });
}

/** Kernel, or the direction in its place. */
function weightsOf<Value>(state: Record<string, Value>): Value | undefined {
  const prefix = `${statePrefixes.parameters}${teacherStudentLayer}/`;
  return state[`${prefix}kernel`] ?? state[`${prefix}direction`];
}

export interface TeacherStudentMeter {
  /** Order parameters of a state as evaluation sees it, by series. */
  measure(state: TensorRecord): Record<string, number>;
  dispose(): void;
}

/** Inputs that go through at once. */
const probeSize = 256;

/**
 * Measures how near the student is to its teacher, by the effective weights w̃: before g, what evaluation
 * computes is w̃ᵀx + b, whatever the method, so w̃_i is its value at the i-th unit vector less that at 0.
 *
 * γ = ‖w̃‖, R the cosine of the angle between w̃ and w*, L = ‖w‖ of what is trained, and ‖w̃ − w*‖²: of identity units, but for
 * the bias, that is the noise-free generalization error ε. The paper's are the same in its units.
 */
export function createTeacherStudentMeter(
  engine: Engine,
  network: Network,
  image: ImageShape,
  teacher: Float64Array,
  execution: StepExecution,
): TeacherStudentMeter {
  const inputs = teacher.length;
  const step: Step = createPreactivationStep(engine, network, image, probeSize, teacherStudentLayer, {
    ...execution,
    precision: 'float32',
  });
  const probe = new Float32Array(probeSize * inputs);

  function preactivations(state: TensorRecord, first: number): Float32Array {
    // Row r is the unit vector first + r − 1; the row before the first, and those after the last, are 0.
    probe.fill(0);
    for (let row = 0; row < probeSize; row++) {
      const input = first + row - 1;
      if (input >= 0 && input < inputs) probe[row * inputs + input] = 1;
    }
    const images = tensor(probe, [probeSize, ...image], 'float32');
    const results = step.run({ ...state, images });
    const values = requireTensor(results, 'preactivations').dataSync<'float32'>().slice();
    disposeAll({ ...results, images });
    return values;
  }

  return {
    measure(state) {
      const values = new Float64Array(inputs + 1);
      for (let first = 0; first <= inputs; first += probeSize) {
        values.set(preactivations(state, first).subarray(0, inputs + 1 - first), first);
      }
      const weights = values.subarray(1).map((value) => value - (values[0] ?? 0));
      const gamma = Math.sqrt(dot(weights, weights));
      const trained = weightsOf(state)?.dataSync<'float32'>() ?? [];
      const difference = weights.map((weight, input) => weight - (teacher[input] ?? 0));
      return {
        [metricSeries.teacherDistance]: dot(difference, difference),
        [metricSeries.studentScale]: gamma,
        [metricSeries.teacherOverlap]: dot(weights, teacher) / gamma,
        [metricSeries.studentLength]: Math.sqrt(dot(trained, trained)),
      };
    },
    dispose: () => step.dispose(),
  };
}

function dot(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < left.length; index++) sum += (left[index] ?? 0) * (right[index] ?? 0);
  return sum;
}
