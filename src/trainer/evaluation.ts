import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { ImageShape } from '#shared/domain/architecture.ts';
import type { SampleReader } from '#files/datasetFolder.ts';
import { createBatchLoader } from './batch.ts';
import type { Engine, Step, TensorRecord } from './engines/engine.ts';
import type { Network } from './network.ts';
import { statePrefixes, type StepExecution } from './steps/inputs.ts';
import { createEvaluationStep } from './steps/evaluation.ts';
import { disposeAll, readScalar } from './tensors.ts';

export interface Evaluation {
  /** Mean over all images. */
  loss: number;
  /** Fraction of images whose largest logit is their label's; null where labels are no classes. */
  accuracy: number | null;
}

export interface ClassEvaluation extends Evaluation {
  accuracy: number;
}

export interface Evaluator<Result extends Evaluation = Evaluation> {
  evaluate(state: TensorRecord): Promise<Result>;
  dispose(): void;
}

/**
 * Evaluates a network on all images of a split, in batches of fixed size; the images that are left
 * go through a step of their own size, so that each counts exactly once.
 * @param createStep A step with the results of an evaluation step, in place of it.
 */
export function createEvaluator(
  engine: Engine,
  network: Network,
  image: ImageShape,
  split: SampleReader & { targets: 'classes' },
  batchSize: number,
  execution: StepExecution,
  createStep?: typeof createEvaluationStep,
): Evaluator<ClassEvaluation>;
export function createEvaluator(
  engine: Engine,
  network: Network,
  image: ImageShape,
  split: SampleReader,
  batchSize: number,
  execution: StepExecution,
  createStep?: typeof createEvaluationStep,
): Evaluator;
export function createEvaluator(
  engine: Engine,
  network: Network,
  image: ImageShape,
  split: SampleReader,
  batchSize: number,
  execution: StepExecution,
  createStep: typeof createEvaluationStep = createEvaluationStep,
): Evaluator {
  const fullSize = Math.min(batchSize, split.count);
  const isOfClasses = split.targets === 'classes';
  const restSize = split.count % fullSize;
  const sizes = restSize === 0 ? [fullSize] : [fullSize, restSize];
  const runners = sizes.map((size): { size: number; step: Step; loader: ReturnType<typeof createBatchLoader> } => ({
    size,
    step: createStep(engine, network, image, size, execution),
    loader: createBatchLoader(split, image, size),
  }));
  return {
    async evaluate(state) {
      const variables = Object.fromEntries(
        Object.entries(state).filter(([name]) => !name.startsWith(statePrefixes.slots)),
      );
      let lossSum = 0;
      let correctCount = 0;
      let start = 0;
      for (const { size, step, loader } of runners) {
        for (; start + size <= split.count; start += size) {
          const batch = loader.load(Uint32Array.from({ length: size }, (_, index) => start + index));
          const results = step.run({ ...variables, ...batch });
          lossSum += readScalar(results, 'lossSum');
          if (isOfClasses) correctCount += readScalar(results, 'correctCount');
          disposeAll(results);
          disposeAll(batch);
          await yieldToEvents();
        }
      }
      return { loss: lossSum / split.count, accuracy: isOfClasses ? correctCount / split.count : null };
    },
    dispose: () => runners.forEach(({ step }) => step.dispose()),
  };
}
