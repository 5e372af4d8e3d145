import { tensor } from '@tensorflow/tfjs-core';
import type { TensorData } from '#files/safetensors.ts';
import { metricSeries } from '#shared/domain/metric.ts';
import type { ParityRecord } from '#shared/protocol.ts';
import type { Engine, Step, TensorRecord } from '../engines/engine.ts';
import { foldBatchNorm } from '../foldBatchNorm.ts';
import { createNetwork, type Network } from '../network.ts';
import { createOptimizer } from '../optimizer.ts';
import { advanceState, createInitialState, readState, uploadState, type StateValues } from '../state.ts';
import { statePrefixes, type StepExecution } from '../steps/inputs.ts';
import { createPopulationStep, createTrainingStep, logPrefix } from '../steps/training.ts';
import { createGradientStep, gradientPrefix } from '../steps/gradients.ts';
import { createEvaluationStep, createLogitsStep } from '../steps/evaluation.ts';
import { addPrefix, disposeAll, readScalar, requireTensor, selectByPrefix, toScalars } from '../tensors.ts';
import { invalid, type FoldingFixture, type TrainingFixture } from './fixture.ts';

type Measurement = Pick<ParityRecord, 'steps' | 'errors'>;

/** Largest error of each kind; what is not a number stays so. */
class Errors {
  readonly values: Record<string, number> = {};

  note(kind: string, error: number): void {
    this.values[kind] = Number.isNaN(error) ? NaN : Math.max(this.values[kind] ?? 0, error);
  }
}

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
}

function difference(left: ArrayLike<number>, right: ArrayLike<number>): number[] {
  return left.length === right.length ? Array.from(left, (value, index) => value - (right[index] ?? NaN)) : [NaN];
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => (Number.isNaN(value) ? NaN : Math.max(most, Math.abs(value))), 0);
}

const upload = ({ shape, values }: TensorData, dtype: 'float32' | 'int32') => tensor(values, [...shape], dtype);

/**
 * Runs a fixture's steps from its values with its batches, and measures how far everything is from the
 * reference, in the measures of the fixtures' own description.
 */
export function measureTraining(fixture: TrainingFixture, engine: Engine, execution: StepExecution): Measurement {
  const { run, expected, image } = fixture;
  const network = createNetwork(fixture.layers, image, fixture.method, 'all');
  const parameterNames = Object.keys(network.variables.parameters);
  const populationSize = run.population?.size ?? null;

  const optimizer = createOptimizer({ id: 'sgd', momentum: run.optimizer.momentum, weightDecay: 0 });
  const initial = createInitialState(network, 0, optimizer);
  const strange = fixture.tensorNames.find(
    (name) => name.startsWith('initial/') && !parameterNames.includes(name.slice('initial/'.length)),
  );
  if (strange !== undefined) throw invalid(fixture.name, `“${strange}” is no parameter of its network`);
  for (const [name, { shape }] of Object.entries(network.variables.parameters)) {
    initial[statePrefixes.parameters + name] = fixture.tensor(`initial/${name}`, shape);
  }
  let state = uploadState(initial);
  const population: TensorRecord =
    populationSize === null ? {} : { population: upload(fixture.tensor('population/x'), 'float32') };

  const gradientStep = createGradientStep(engine, network, image, run.batchSize, execution, populationSize);
  const trainingStep = createTrainingStep(engine, network, image, run.batchSize, optimizer, execution, populationSize);
  const errors = new Errors();
  const steps: Measurement['steps'] = [];

  for (let step = 0; step < run.steps; step++) {
    const batch = {
      images: upload(slice(fixture.tensor('batch/x'), step), 'float32'),
      labels: upload(slice(fixture.tensor('batch/y'), step), 'int32'),
    };
    const norms = expected.gradientNorms[String(step)];
    if (norms !== undefined) {
      const results = gradientStep.run({ ...state, ...batch, ...population });
      for (const [name, gradient] of Object.entries(selectByPrefix(results, gradientPrefix))) {
        const values = gradient.dataSync();
        const reference = norms[name] ?? NaN;
        errors.note('gradNormRel', Math.abs(norm(values) - reference) / (reference + 1e-3));
        if (step > 0) continue;
        const exact = fixture.tensor(`step0Gradient/${name}`).values;
        errors.note('step0GradientRel', norm(difference(values, exact)) / (norm(exact) + 1e-3));
      }
      disposeAll(results);
    }

    const reference = expected.steps[step];
    const learningRate = run.optimizer.learningRate * (1 - run.optimizer.decayPerStep) ** step;
    const scalars = toScalars(optimizer.scalars(step, learningRate));
    const results = trainingStep.run({ ...state, ...batch, ...population, ...scalars });
    const penaltyName = logPrefix + metricSeries.penalty;
    const loss = readScalar(results, 'loss');
    const penalty = penaltyName in results ? readScalar(results, penaltyName) : 0;
    const lossError = Math.abs(loss - (reference?.dataLoss ?? NaN));
    const penaltyError = Math.abs(penalty - (reference?.penalty ?? NaN));
    errors.note('lossAbs', lossError);
    errors.note('penaltyRel', reference?.penalty === 0 ? penaltyError : penaltyError / (reference?.penalty ?? NaN));
    steps.push({ step, loss, lossError, penalty, penaltyError });
    state = advanceState(state, results);
    disposeAll(scalars);
    disposeAll(batch);
  }

  // Statistics for evaluation: by the population once more, else as training left them.
  const measured: Step[] = [gradientStep, trainingStep];
  if (populationSize !== null) {
    const populationStep = createPopulationStep(engine, network, image, populationSize, execution);
    measured.push(populationStep);
    const statistics = populationStep.run({ ...state, ...population });
    for (const name of Object.keys(statistics)) requireTensor(state, name).dispose();
    state = { ...state, ...statistics };
  }
  const final = readState(state);
  for (const name of parameterNames) {
    const reference = fixture.tensor(`final/${name}`).values;
    const moved = norm(difference(reference, fixture.tensor(`initial/${name}`).values)) + 0.01 * norm(reference);
    const found = final[statePrefixes.parameters + name]?.values ?? [];
    errors.note('updateRel', norm(difference(found, reference)) / moved);
  }
  // What else a method keeps (its ζ, say) the fixtures show in losses and gradients only.
  const kept = fixture.tensorNames.filter((name) => /^final\/.*\/(running|population)(Mean|Variance)$/.test(name));
  for (const name of kept) {
    const reference = fixture.tensor(name).values;
    const found = final[statePrefixes.statistics + name.slice('final/'.length)]?.values ?? [];
    errors.note('statisticsRel', norm(difference(found, reference)) / (norm(reference) + 1e-3));
  }
  if (kept.length === 0) errors.note('statisticsRel', 0);

  measureEvaluation(fixture, engine, execution, network, state, errors);
  disposeAll(population);
  disposeAll(state);
  for (const step of measured) step.dispose();
  return { steps, errors: errors.values };
}

/** Folds a fixture's batch-normalized network, and measures the folded one against the reference. */
export function measureFolding(fixture: FoldingFixture, engine: Engine, execution: StepExecution): Measurement {
  const trained: StateValues = Object.fromEntries(
    fixture.tensorNames
      .filter((name) => name.startsWith('trained/'))
      .map((name) => [name.slice('trained/'.length), fixture.tensor(name)]),
  );
  const folded = foldBatchNorm(trained, () => fixture.epsilon);
  const errors = new Errors();
  for (const [name, { values }] of Object.entries(folded)) {
    const reference = fixture.tensor(`expected/${name}`).values;
    const error = largest(difference(values, reference));
    if (name.endsWith('/bias')) errors.note('biasAbs', error);
    else errors.note('kernelRel', error / largest(reference));
  }
  const network = createNetwork(fixture.layers, fixture.image, { id: 'none' }, 'all');
  const state = uploadState(addPrefix(folded, statePrefixes.parameters));
  measureEvaluation(fixture, engine, execution, network, state, errors);
  disposeAll(state);
  return { steps: [], errors: errors.values };
}

function measureEvaluation(
  fixture: TrainingFixture | FoldingFixture,
  engine: Engine,
  execution: StepExecution,
  network: Network,
  state: TensorRecord,
  errors: Errors,
): void {
  const { expected, image } = fixture;
  const count = expected.evalLogits.length;
  const batch = {
    images: upload(fixture.tensor('eval/x'), 'float32'),
    labels: upload(fixture.tensor('eval/y'), 'int32'),
  };
  const logitsStep = createLogitsStep(engine, network, image, count, execution);
  const evaluationStep = createEvaluationStep(engine, network, image, count, execution);
  const variables = Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith(statePrefixes.slots)));
  const logits = logitsStep.run({ ...variables, ...batch });
  const evaluation = evaluationStep.run({ ...variables, ...batch });
  errors.note(
    'evalLogitsAbs',
    largest(difference(requireTensor(logits, 'logits').dataSync(), expected.evalLogits.flat())),
  );
  errors.note('evalLossAbs', Math.abs(readScalar(evaluation, 'lossSum') / count - expected.evalLoss));
  errors.note('evalAccuracyAbs', Math.abs(readScalar(evaluation, 'correctCount') / count - expected.evalAccuracy));
  for (const record of [logits, evaluation, batch]) disposeAll(record);
  logitsStep.dispose();
  evaluationStep.dispose();
}

/** The part of a tensor at an index of its first axis. */
function slice({ shape, values }: TensorData, index: number): TensorData {
  const rest = shape.slice(1);
  const size = rest.reduce((product, length) => product * length, 1);
  return { shape: rest, values: values.slice(index * size, (index + 1) * size) };
}
