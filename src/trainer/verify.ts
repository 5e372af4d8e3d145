import { tensor } from '@tensorflow/tfjs-core';
import { engineVerification } from '#shared/domain/engineVerification.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { Engine, TensorRecord } from './engines/engine.ts';
import { createNetwork } from './network.ts';
import { createOptimizer } from './optimizer.ts';
import { advanceState, createInitialState, uploadState } from './state.ts';
import { statePrefixes, type StepExecution } from './steps/inputs.ts';
import { createTrainingStep } from './steps/training.ts';
import { createEvaluationStep } from './steps/evaluation.ts';
import { disposeAll, readScalar, toScalars } from './tensors.ts';

function verificationBatch(step: number): TensorRecord {
  const { image, batchSize, classCount, seed, imageStream, labelStream } = engineVerification;
  const pixels = createRandomStream(seed, imageStream(step)).normals(batchSize * image[0] * image[1] * image[2], 1);
  const labelSource = createRandomStream(seed, labelStream(step));
  const labels = Int32Array.from({ length: batchSize }, () => labelSource.integer(classCount));
  return {
    images: tensor(pixels, [batchSize, ...image], 'float32'),
    labels: tensor(labels, [batchSize], 'int32'),
  };
}

/** Trains the verification network and returns its losses as `engineVerification.losses` lists them. */
function verificationLosses(engine: Engine, execution: StepExecution): number[] {
  const { layers, image, method, batchSize, momentum, seed, steps, learningRate } = engineVerification;
  const network = createNetwork(layers, image, method, 'all');
  const optimizer = createOptimizer({ id: 'sgd', momentum, weightDecay: 0 });
  const trainingStep = createTrainingStep(engine, network, image, batchSize, optimizer, execution);
  const evaluationStep = createEvaluationStep(engine, network, image, batchSize, execution);
  const losses: number[] = [];
  let state = uploadState(createInitialState(network, seed, optimizer));
  for (let step = 0; step < steps; step++) {
    const batch = verificationBatch(step);
    const scalars = toScalars(optimizer.scalars(step, learningRate));
    const results = trainingStep.run({ ...state, ...batch, ...scalars });
    losses.push(readScalar(results, 'loss'));
    state = advanceState(state, results);
    disposeAll(batch);
    disposeAll(scalars);
  }
  const batch = verificationBatch(steps - 1);
  const variables = Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith(statePrefixes.slots)));
  const results = evaluationStep.run({ ...variables, ...batch });
  losses.push(readScalar(results, 'lossSum') / batchSize);
  for (const record of [results, batch, state]) disposeAll(record);
  trainingStep.dispose();
  evaluationStep.dispose();
  return losses;
}

/** Losses of the verification run in each way that this engine can run a step, by name. */
export function verifyEngine(engine: Engine): Record<string, number[]> {
  const { compiledSteps, fusedOperations } = engine.describe().capabilities;
  const fullest = fusedOperations ? 'fused' : 'composed';
  const precision = 'float32';
  return {
    eagerComposed: verificationLosses(engine, { mode: 'eager', operations: 'composed', precision }),
    ...(fusedOperations && {
      eagerFused: verificationLosses(engine, { mode: 'eager', operations: 'fused', precision }),
    }),
    ...(compiledSteps && {
      compiled: verificationLosses(engine, { mode: 'compiled', operations: fullest, precision }),
    }),
  };
}
