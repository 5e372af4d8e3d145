import { methodVerification } from '#shared/domain/methodVerification.ts';
import type { MethodCheck } from '#shared/protocol.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { Engine, TensorRecord } from '../engines/engine.ts';
import type { Network } from '../network.ts';
import { readState, uploadState, type StateValues } from '../state.ts';
import { statePrefixes, type StepExecution } from '../steps/inputs.ts';
import { createPopulationStep } from '../steps/training.ts';
import { createGradientStep, createLossStep, gradientPrefix } from '../steps/gradients.ts';
import { addPrefix, disposeAll, readScalar, requireTensor, selectByPrefix } from '../tensors.ts';
import {
  createCheckedNetwork,
  createFixedBatch,
  createFixedPopulation,
  createFixedState,
  type CheckedSettings,
} from './fixedState.ts';
import { holdConstants } from './heldConstants.ts';

/** Directions in which each parameter is moved. */
const directionsPerParameter = 2;

/** Distance that a parameter is moved either way; and twice that. */
const distance = 0.02;

/** A gradient smaller than this part of the whole gradient's norm is compared by its absolute error. */
const smallestPart = 0.01;

export interface GradientCheck {
  derivativeOf: MethodCheck['derivativeOf'];
  /** NaN where a loss or a gradient is no number. */
  largestError: number;
  /** Whose error that is. */
  worstParameter: string;
  directions: number;
}

/**
 * Compares the gradient g of loss and penalty with finite differences of the loss, in directions d of
 * each parameter by itself. d has length 1 and lies between the gradient of that parameter and a random
 * direction orthogonal to it, so that an error along the gradient or across it changes d·g:
 * (4D(h) − D(2h))/3 with D(h) = (L(θ + hd) − L(θ − hd))/2h, whose truncation falls as h⁴. The error is
 * |difference − d·g| divided by the norm of the parameter's gradient, at least a hundredth of the whole
 * gradient's. Losses of images are float32; their mean is taken in float64.
 *
 * Statistics that a method takes from a population, and ζ, are constants in its gradient: they are taken
 * once and held. Methods that hold more than that are differenced by their defining formula: see
 * `holdConstants`.
 */
export function checkGradient(settings: CheckedSettings, engine: Engine, execution: StepExecution): GradientCheck {
  const { image, differencedLayers, batchSize, seed } = methodVerification;
  const network = createCheckedNetwork(differencedLayers, settings);
  const batch = createFixedBatch(network, 0);
  const start = Object.entries(createFixedState(network)).filter(([name]) => !name.startsWith(statePrefixes.slots));
  const state = takePopulation(network, Object.fromEntries(start), engine, execution);
  const gradientStep = createGradientStep(engine, network, image, batchSize, execution);
  const given = uploadState(state);
  const results = gradientStep.run({ ...given, ...batch });
  const gradients = Object.entries(selectByPrefix(results, gradientPrefix)).map(
    ([name, gradient]) => [name, Float64Array.from(gradient.dataSync())] as const,
  );
  for (const record of [results, given]) disposeAll(record);
  gradientStep.dispose();

  const plain = createLossFunction(network, batch, engine, execution);
  const held = holdConstants(settings.method, state, batch, engine, execution);
  const objective = (values: StateValues): number => {
    const { loss, penalty } = plain.evaluate(values);
    return (held?.loss(values) ?? loss) + penalty;
  };
  const wholeNorm = Math.hypot(...gradients.map(([, values]) => norm(values)));

  let largestError = 0;
  let worstParameter = '';
  let directions = 0;
  for (const [name, gradient] of gradients) {
    for (let index = 0; index < directionsPerParameter; index++) {
      const stream = createRandomStream(seed, `method/direction/${name}/${index}`);
      const direction = chooseDirection(gradient, stream.normals(gradient.length, 1));
      const along = (step: number): number => objective(move(state, name, direction, step));
      const difference = (step: number): number => (along(step) - along(-step)) / (2 * step);
      const derivative = (4 * difference(distance) - difference(2 * distance)) / 3;
      const scale = Math.max(norm(gradient), smallestPart * wholeNorm);
      const error = Math.abs(derivative - dot(direction, gradient)) / scale;
      directions += 1;
      // Written so that NaN counts as worst.
      if (!(error <= largestError) && !Number.isNaN(largestError)) {
        largestError = error;
        worstParameter = name;
      }
    }
  }
  plain.dispose();
  held?.dispose();
  disposeAll(batch);
  return { derivativeOf: held ? 'lossWithConstants' : 'loss', largestError, worstParameter, directions };
}

/** The state with what the method takes from the fixed population, if it takes anything. */
function takePopulation(network: Network, state: StateValues, engine: Engine, execution: StepExecution): StateValues {
  if (network.population === null) return state;
  const { image, populationSize } = methodVerification;
  const step = createPopulationStep(engine, network, image, populationSize, execution);
  const [given, population] = [uploadState(state), createFixedPopulation(network)];
  const taken = step.run({ ...given, ...population });
  const statistics = readState(taken);
  for (const record of [taken, given, population]) disposeAll(record);
  step.dispose();
  return { ...state, ...statistics };
}

/** What a training step computes of its loss, as a function of the state. */
export interface LossFunction {
  /** Mean cross-entropy of the batch, and the methods' penalty; 0 where they have none. */
  evaluate(state: StateValues): { loss: number; penalty: number };
  /** Statistics after the step. */
  statistics(state: StateValues): StateValues;
  dispose(): void;
}

export function createLossFunction(
  network: Network,
  batch: TensorRecord,
  engine: Engine,
  execution: StepExecution,
): LossFunction {
  const { image, batchSize } = methodVerification;
  const step = createLossStep(engine, network, image, batchSize, execution);
  function run<Result>(state: StateValues, read: (results: TensorRecord) => Result): Result {
    const given = uploadState(state);
    const results = step.run({ ...given, ...batch });
    const result = read(results);
    disposeAll(given);
    disposeAll(results);
    return result;
  }
  return {
    evaluate: (state) =>
      run(state, (results) => {
        const losses = requireTensor(results, 'losses').dataSync<'float32'>();
        return {
          loss: losses.reduce((sum, value) => sum + value, 0) / losses.length,
          penalty: 'penalty' in results ? readScalar(results, 'penalty') : 0,
        };
      }),
    statistics: (state) =>
      run(state, (results) =>
        addPrefix(readState(selectByPrefix(results, statePrefixes.statistics)), statePrefixes.statistics),
      ),
    dispose: () => step.dispose(),
  };
}

function dot(left: Float64Array, right: Float64Array): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? NaN), 0);
}

function norm(values: Float64Array): number {
  return Math.sqrt(dot(values, values));
}

/** Direction of length 1 between the gradient and what of a random vector is orthogonal to it. */
function chooseDirection(gradient: Float64Array, random: Float32Array): Float64Array {
  const drawn = Float64Array.from(random);
  const squaredLength = dot(gradient, gradient);
  if (squaredLength === 0) return scaleToLength1(drawn);
  const along = dot(drawn, gradient) / squaredLength;
  const across = scaleToLength1(drawn.map((value, index) => value - along * (gradient[index] ?? NaN)));
  return scaleToLength1(scaleToLength1(gradient).map((value, index) => value + (across[index] ?? NaN)));
}

/** A vector without length stays so. */
function scaleToLength1(values: Float64Array): Float64Array {
  const length = norm(values);
  return length === 0 ? values : values.map((value) => value / length);
}

/** The state with one parameter moved. */
function move(state: StateValues, name: string, direction: Float64Array, step: number): StateValues {
  const key = statePrefixes.parameters + name;
  const { shape, values } = state[key] ?? { shape: [], values: new Float32Array() };
  return {
    ...state,
    [key]: { shape, values: Float32Array.from(values, (value, index) => value + step * (direction[index] ?? NaN)) },
  };
}
