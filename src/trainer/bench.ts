import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { tensor } from '@tensorflow/tfjs-core';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { architectureLayers } from '#shared/domain/architectures/index.ts';
import { checkPlacement } from '#shared/domain/placement.ts';
import { learningRateAt } from '#shared/domain/learningRate.ts';
import type { TrainingLength } from '#shared/domain/trainingLength.ts';
import type { BenchRecord, BenchTask } from '#shared/protocol.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { Engine, TensorRecord } from './engines/engine.ts';
import { requireExecution } from './execution.ts';
import { createNetwork } from './network.ts';
import { createOptimizer } from './optimizer.ts';
import { peakMemoryBytes } from './processMemory.ts';
import { createRandomSeed } from './randomSource.ts';
import { advanceState, createInitialState, uploadState } from './state.ts';
import type { StepExecution } from './steps/inputs.ts';
import { createTrainingStep } from './steps/training.ts';
import { disposeAll, readScalar, toScalars } from './tensors.ts';

/** Images as in CIFAR-10; their content does not matter for speed. */
const image: ImageShape = [32, 32, 3];
const classCount = 10;

const warmUpSteps = 2;
/** Steps of one variant before the next has its turn: the machine's moods meet all alike. */
const blockSteps = 5;

interface Variant {
  execution: StepExecution;
  runStep(): void;
  stepSeconds: number[];
}

/**
 * Times whole training steps (upload of the batch, forward, backward, update, reading the loss) of
 * every way that this engine can run them: eager with composed and with fused operations in
 * float32, compiled in the document's precision. Warm-up is not timed. Blocks of steps take turns.
 *
 * Samples a second: slowest, median and fastest timed step. Peak memory is that of the whole
 * process, engine and all variants together, because they take turns in one process.
 */
export async function bench({ document, steps }: BenchTask, engine: Engine): Promise<BenchRecord[]> {
  const { batchSize } = document;
  const best = requireExecution({ ...document.execution, mode: 'compiled', operations: 'fused' }, engine);
  const { compiledSteps, fusedOperations } = engine.describe().capabilities;
  const executions: StepExecution[] = [{ mode: 'eager', operations: 'composed', precision: 'float32' }];
  if (fusedOperations) executions.push({ mode: 'eager', operations: 'fused', precision: 'float32' });
  if (compiledSteps) executions.push(best);

  const layers = architectureLayers(document.architecture, image, classCount);
  checkPlacement(document, layers, Infinity);
  const network = createNetwork(layers, image, document.method, document.normalizedLayers, document);
  const optimizer = createOptimizer(document.optimizer);
  const length: TrainingLength = { stepsPerEpoch: steps, totalSteps: warmUpSteps + steps };
  const initial = createInitialState(network, document.seed, optimizer);
  const pixelsOf = (count: number): Float32Array =>
    createRandomStream(document.seed, 'bench/images').normals(count * image[0] * image[1] * image[2], 1);
  const pixels = pixelsOf(batchSize);
  const labels = Int32Array.from({ length: batchSize }, (_, index) => index % classCount);
  const loadBatch = (): TensorRecord => ({
    images: tensor(pixels, [batchSize, ...image], 'float32'),
    labels: tensor(labels, [batchSize], network.loss === 'crossEntropy' ? 'int32' : 'float32'),
  });

  const variants = executions.map((execution): Variant => {
    const populationSize = network.population?.images ?? null;
    const step = createTrainingStep(engine, network, image, batchSize, optimizer, execution, populationSize);
    const population =
      populationSize === null
        ? {}
        : { population: tensor(pixelsOf(populationSize), [populationSize, ...image], 'float32') };
    let state = uploadState(initial);
    let count = 0;
    return {
      execution,
      stepSeconds: [],
      runStep() {
        const batch = loadBatch();
        const scalars = toScalars(optimizer.scalars(count, learningRateAt(document, count, length)));
        const randomSeed = network.drawsRandomNumbers ? createRandomSeed(document.seed, count) : {};
        count += 1;
        const results = step.run({ ...state, ...batch, ...population, ...randomSeed, ...scalars });
        readScalar(results, 'loss');
        state = advanceState(state, results);
        disposeAll({ ...batch, ...randomSeed, ...scalars });
      },
    };
  });

  for (const variant of variants) {
    for (let step = 0; step < warmUpSteps; step++) {
      variant.runStep();
      await yieldToEvents();
    }
  }
  for (let done = 0; done < steps; done += blockSteps) {
    for (const variant of variants) {
      for (let step = done; step < Math.min(done + blockSteps, steps); step++) {
        const startedAt = performance.now();
        variant.runStep();
        variant.stepSeconds.push((performance.now() - startedAt) / 1000);
        await yieldToEvents();
      }
    }
  }

  const peak = peakMemoryBytes();
  return variants.map(({ execution, stepSeconds }) => {
    const rates = stepSeconds.map((seconds) => batchSize / seconds).sort((left, right) => left - right);
    const middle = (rates.length - 1) / 2;
    const at = (index: number): number => rates[index] ?? NaN;
    return {
      engine: engine.describe().title,
      ...execution,
      architecture: document.architecture.id,
      method: document.method.id,
      batchSize,
      steps,
      samplesPerSecond: {
        minimum: at(0),
        median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
        maximum: at(rates.length - 1),
      },
      peakMemoryBytes: peak,
    };
  });
}
