import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serializeSafetensors, type TensorData } from '#files/safetensors.ts';

/** A reference run as its three files hold it. */
export interface ReferenceRun {
  run: Record<string, unknown> & { layers: Record<string, unknown>[] };
  expected: Record<string, unknown>;
  tensors: Record<string, TensorData>;
}

const [classes, features, batchSize] = [2, 4, 3];
const learningRate = 0.5;

/** Softmax regression by hand, in float64: loss, and gradient (p − y) of the logits and x(p − y) of the weights, means over the batch. */
function regression(x: Float32Array, y: Int32Array, kernel: ArrayLike<number>, bias: ArrayLike<number>) {
  const logits: number[][] = [];
  const kernelGradient = new Float64Array(features * classes);
  const biasGradient = new Float64Array(classes);
  let loss = 0;
  y.forEach((label, image) => {
    const pixels = x.subarray(image * features, (image + 1) * features);
    const row = Array.from({ length: classes }, (_, k) =>
      pixels.reduce<number>((sum, pixel, i) => sum + pixel * (kernel[i * classes + k] ?? NaN), bias[k] ?? NaN),
    );
    const normalizer = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
    loss += (normalizer - (row[label] ?? NaN)) / y.length;
    row.forEach((value, k) => {
      const error = (Math.exp(value - normalizer) - (k === label ? 1 : 0)) / y.length;
      biasGradient[k] = (biasGradient[k] ?? 0) + error;
      pixels.forEach((pixel, i) => {
        kernelGradient[i * classes + k] = (kernelGradient[i * classes + k] ?? 0) + error * pixel;
      });
    });
    logits.push(row);
  });
  return { logits, loss, kernelGradient, biasGradient };
}

/** One step of softmax regression on images of 2×2×1 pixels. */
export function createReferenceRun(): ReferenceRun {
  const x = Float32Array.of(1, -0.5, 0.25, 2, -1, 0.5, 0.75, -2, 0.5, 0.5, -1.5, 1);
  const y = Int32Array.of(0, 1, 1);
  const kernel = Float32Array.of(0.5, -0.25, 0.125, 0.75, -0.5, 0.25, 1, -1);
  const bias = Float32Array.of(0.125, -0.125);
  const first = regression(x, y, kernel, bias);
  const move = (from: Float32Array, gradient: Float64Array): Float64Array =>
    Float64Array.from(from, (value, index) => value - learningRate * (gradient[index] ?? NaN));
  const [finalKernel, finalBias] = [move(kernel, first.kernelGradient), move(bias, first.biasGradient)];
  const evaluation = regression(x, y, finalKernel, finalBias);
  const ofShape = (shape: number[], values: ArrayLike<number>): TensorData => ({
    shape,
    values: Float32Array.from(values),
  });
  return {
    run: {
      method: 'none',
      input: { height: 2, width: 2, channels: 1 },
      classes,
      batchSize,
      steps: 1,
      layers: [
        { type: 'flatten' },
        { type: 'dense', name: 'fc1', channels: classes, weight: 'plain', normalizer: 'none', activation: 'none' },
      ],
      optimizer: { type: 'sgd', learningRate, momentum: 0.9, decayPerStep: 0 },
      epsilon: 1e-5,
      runningMomentum: 0.9,
    },
    expected: {
      steps: [{ dataLoss: first.loss, penalty: 0 }],
      gradientNorms: {
        '0': { 'fc1/kernel': Math.hypot(...first.kernelGradient), 'fc1/bias': Math.hypot(...first.biasGradient) },
      },
      evalLoss: evaluation.loss,
      evalAccuracy:
        evaluation.logits.filter((row, image) => row.indexOf(Math.max(...row)) === y[image]).length / y.length,
      evalLogits: evaluation.logits,
      tolerances: {
        lossAbs: 1e-6,
        penaltyRel: 1e-6,
        gradNormRel: 1e-5,
        step0GradientRel: 1e-5,
        updateRel: 1e-5,
        statisticsRel: 1e-6,
        evalLogitsAbs: 1e-5,
        evalLossAbs: 1e-6,
        evalAccuracyAbs: 0,
      },
    },
    tensors: {
      'batch/x': ofShape([1, batchSize, 2, 2, 1], x),
      'batch/y': { shape: [1, batchSize], values: y },
      'eval/x': ofShape([batchSize, 2, 2, 1], x),
      'eval/y': { shape: [batchSize], values: y.slice() },
      'initial/fc1/kernel': ofShape([features, classes], kernel),
      'initial/fc1/bias': ofShape([classes], bias),
      'step0Gradient/fc1/kernel': ofShape([features, classes], first.kernelGradient),
      'step0Gradient/fc1/bias': ofShape([classes], first.biasGradient),
      'final/fc1/kernel': ofShape([features, classes], finalKernel),
      'final/fc1/bias': ofShape([classes], finalBias),
    },
  };
}

/** Writes a reference run; makes the folder. */
export async function writeReferenceRun(folder: string, { run, expected, tensors }: ReferenceRun): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'run.json'), JSON.stringify(run));
  await writeFile(join(folder, 'expected.json'), JSON.stringify(expected));
  await writeFile(join(folder, 'tensors.safetensors'), Buffer.concat(serializeSafetensors(tensors)));
}
