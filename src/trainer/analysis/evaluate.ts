import type { TensorRecord } from '../engines/engine.ts';
import { createEvaluator, type ClassEvaluation } from '../evaluation.ts';
import type { Network } from '../network.ts';
import { createPopulation } from '../population.ts';
import { uploadState, type StateValues } from '../state.ts';
import { disposeAll } from '../tensors.ts';
import type { TrainedRun } from './trainedRun.ts';

/**
 * A network's state as evaluation uses it during training: where statistics come from a population, by
 * its precise pass. The caller owns it.
 */
export async function evaluationState({
  engine,
  network,
  image,
  training,
  document,
  execution,
  state,
}: TrainedRun): Promise<TensorRecord> {
  const uploaded = uploadState(state);
  const population = createPopulation(engine, network, image, training, document.seed, execution);
  const precise = (await population?.preciseStatistics(uploaded)) ?? {};
  population?.dispose();
  for (const name of Object.keys(precise)) uploaded[name]?.dispose();
  return { ...uploaded, ...precise };
}

/** Loss and accuracy on the run's validation images of a network with these values. */
export async function evaluateValues(run: TrainedRun, network: Network, values: StateValues): Promise<ClassEvaluation> {
  const { engine, image, validation, document, execution } = run;
  const evaluator = createEvaluator(engine, network, image, validation, document.evaluation.batchSize, execution);
  const state = uploadState(values);
  const evaluation = await evaluator.evaluate(state);
  disposeAll(state);
  evaluator.dispose();
  return evaluation;
}
