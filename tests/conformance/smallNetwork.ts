import {
  add,
  conv2d,
  dispose,
  keep,
  matMul,
  maxPool,
  mean,
  mul,
  reshape,
  sub,
  valueAndGrads,
  type Tensor,
  type Rank,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import type { Engine, Step, StepBody, StepDefinition, TensorRecord } from '#trainer/engines/engine.ts';
import { testValues } from './float64Reference.ts';
import {
  input,
  specificationsOf,
  toTensors,
  type InputValues,
  imagesInput,
  matrixInput,
  scalarInput,
  vectorInput,
} from './stepTools.ts';

const batchSize = 8;
const classes = 3;
const channels = 4;
const units = 8;
const parameterShapes: Record<string, number[]> = {
  filter: [3, 3, 3, channels],
  filterGamma: [channels],
  filterBeta: [channels],
  hidden: [4 * 4 * channels, units],
  hiddenGamma: [units],
  hiddenBeta: [units],
  logits: [units, classes],
};
const parameterNames = Object.keys(parameterShapes);

/** Values of state and batch at the start: the same on every engine. */
export function smallNetworkInputs(): Record<string, InputValues> {
  const size = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);
  const parameters = Object.entries(parameterShapes).map(([name, shape], index): [string, InputValues] => {
    const start = testValues(size(shape), index + 1).map((value) => Math.fround(0.2 * value));
    const values = name.endsWith('Gamma') ? start.fill(1) : name.endsWith('Beta') ? start.fill(0) : start;
    return [`parameter/${name}`, { shape, values }];
  });
  return {
    ...Object.fromEntries(parameters),
    ...Object.fromEntries(
      parameters.map(([name, { shape }]) => [
        name.replace('parameter', 'velocity'),
        { shape, values: new Float32Array(size(shape)) },
      ]),
    ),
    runningMean: { shape: [channels], values: new Float32Array(channels) },
    images: { shape: [batchSize, 8, 8, 3], values: testValues(batchSize * 192, 31) },
    labels: { shape: [batchSize], values: [0, 1, 2, 0, 1, 2, 0, 1], dtype: 'int32' },
    learningRate: { shape: [], values: [0.05] },
  };
}

/** One step of stochastic gradient descent with momentum: forward, backward, update, running mean. */
export const smallNetworkBody: StepBody = (inputs, operations) => {
  let runningMean: Tensor | undefined;
  const loss = (...values: Tensor[]): Tensor => {
    const parameters = Object.fromEntries(parameterNames.map((name, index) => [name, values[index] as Tensor]));
    const normalize = (x: Tensor, layer: string): ReturnType<typeof operations.batchNormTraining> =>
      operations.batchNormTraining(
        x,
        vectorInput(parameters, `${layer}Gamma`),
        vectorInput(parameters, `${layer}Beta`),
        1e-5,
      );
    const convolved = conv2d(imagesInput(inputs, 'images'), imagesInput(parameters, 'filter'), 1, 'same');
    const normalized = normalize(convolved, 'filter');
    // The gradient function frees what it does not return: this is wanted after it.
    runningMean = keep(add(mul(input(inputs, 'runningMean'), 0.9), mul(normalized.mean, 0.1)));
    const pooled = maxPool(operations.relu<Tensor4D>(normalized.output as Tensor4D), 2, 2, 'valid');
    const flat = reshape<Rank.R2>(pooled, [batchSize, 4 * 4 * channels]);
    const hidden = normalize(matMul(flat, matrixInput(parameters, 'hidden')), 'hidden').output as Tensor2D;
    const logits: Tensor2D = matMul(operations.relu(hidden), matrixInput(parameters, 'logits'));
    return mean(operations.softmaxCrossEntropy(logits, vectorInput(inputs, 'labels')));
  };
  const { value, grads } = valueAndGrads(loss)(parameterNames.map((name) => input(inputs, `parameter/${name}`)));
  const results: TensorRecord = { loss: value, runningMean: runningMean as unknown as Tensor };
  parameterNames.forEach((name, index) => {
    const velocity = add(mul(input(inputs, `velocity/${name}`), 0.9), grads[index] as Tensor);
    results[`velocity/${name}`] = velocity;
    results[`parameter/${name}`] = sub(
      input(inputs, `parameter/${name}`),
      mul(velocity, scalarInput(inputs, 'learningRate')),
    );
  });
  return results;
};

export interface SmallTraining {
  step: Step;
  /** Runs one step, its results taking the place of the state; the loss before it. */
  run(): number;
  /** Values of the state. */
  read(name: string): Float32Array;
  dispose(): void;
}

export function startSmallTraining(
  engine: Engine,
  execution: Pick<StepDefinition, 'mode' | 'operations' | 'precision'>,
): SmallTraining {
  const values = smallNetworkInputs();
  const step = engine.createStep({
    name: 'smallNetwork',
    inputs: specificationsOf(values),
    body: smallNetworkBody,
    ...execution,
  });
  let inputs = toTensors(values);
  return {
    step,
    run() {
      const { loss, ...state } = step.run(inputs) as TensorRecord & { loss: Tensor };
      const lossValue = Number(loss.dataSync()[0]);
      loss.dispose();
      for (const name of Object.keys(state)) inputs[name]?.dispose();
      inputs = { ...inputs, ...state };
      return lossValue;
    },
    read: (name) => input(inputs, name).dataSync() as Float32Array,
    dispose() {
      dispose(inputs);
      step.dispose();
    },
  };
}
