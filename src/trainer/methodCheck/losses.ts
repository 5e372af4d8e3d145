import { metricSeries } from '#shared/domain/metric.ts';
import { methodVerification } from '#shared/domain/methodVerification.ts';
import type { Engine, TensorRecord } from '../engines/engine.ts';
import { advanceState, uploadState } from '../state.ts';
import { statePrefixes, type StepExecution } from '../steps/inputs.ts';
import { createPopulationStep, createTrainingStep, logPrefix } from '../steps/training.ts';
import { createEvaluationStep } from '../steps/evaluation.ts';
import { disposeAll, readScalar, requireTensor, toScalars } from '../tensors.ts';
import {
  createCheckedNetwork,
  createFixedBatch,
  createFixedPopulation,
  createFixedState,
  optimizer,
  type CheckedSettings,
} from './fixedState.ts';

/**
 * Trains the fixed steps, the first of them twice.
 * @param stored What the losses should be; null where that is not known.
 * @returns Largest difference from the stored losses (NaN where one is no number), and whether the
 *   first step gave the same bits again.
 */
export function checkLosses(
  settings: CheckedSettings,
  stored: readonly number[] | null,
  engine: Engine,
  execution: StepExecution,
): { lossError: number | null; sameBits: boolean } {
  const { image, trainingLayers, batchSize, populationSize, steps, learningRate } = methodVerification;
  const network = createCheckedNetwork(trainingLayers, settings);
  const population = createFixedPopulation(network);
  const size = network.population === null ? null : populationSize;
  const trainingStep = createTrainingStep(engine, network, image, batchSize, optimizer, execution, size);
  const evaluationStep = createEvaluationStep(engine, network, image, batchSize, execution);
  const losses: number[] = [];
  let sameBits = true;
  let state = uploadState(createFixedState(network));
  for (let step = 0; step < steps; step++) {
    const batch = createFixedBatch(network, step);
    const scalars = toScalars(optimizer.scalars(step, learningRate));
    const run = (): TensorRecord => trainingStep.run({ ...state, ...batch, ...population, ...scalars });
    const results = run();
    if (step === 0) {
      const again = run();
      sameBits = Object.keys(results).every((name) => haveSameBits(results, again, name));
      disposeAll(again);
    }
    const penalty = logPrefix + metricSeries.penalty;
    losses.push(readScalar(results, 'loss') + (penalty in results ? readScalar(results, penalty) : 0));
    state = advanceState(state, results);
    disposeAll(batch);
    disposeAll(scalars);
  }
  if (size !== null) {
    const populationStep = createPopulationStep(engine, network, image, size, execution);
    const statistics = populationStep.run({ ...state, ...population });
    for (const name of Object.keys(statistics)) requireTensor(state, name).dispose();
    state = { ...state, ...statistics };
    populationStep.dispose();
  }
  const batch = createFixedBatch(network, steps - 1);
  const variables = Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith(statePrefixes.slots)));
  const results = evaluationStep.run({ ...variables, ...batch });
  losses.push(readScalar(results, 'lossSum') / batchSize);
  for (const record of [results, batch, state, population]) disposeAll(record);
  trainingStep.dispose();
  evaluationStep.dispose();
  return { lossError: stored && largestDifference(losses, stored), sameBits };
}

function largestDifference(losses: readonly number[], stored: readonly number[]): number {
  return losses.length === stored.length
    ? Math.max(...losses.map((loss, index) => Math.abs(loss - (stored[index] ?? NaN))))
    : NaN;
}

function haveSameBits(left: TensorRecord, right: TensorRecord, name: string): boolean {
  const bytes = (record: TensorRecord): Buffer => {
    const values = requireTensor(record, name).dataSync();
    return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  };
  return bytes(left).equals(bytes(right));
}
