import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { AnalysisResult } from '#shared/protocol.ts';
import type { MethodSettings } from '#shared/domain/methods/index.ts';
import { methods } from '#shared/domain/methods/index.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import { LabError } from '#shared/errors.ts';
import { createBatchLoader } from '../batch.ts';
import { foldBatchNorm } from '../foldBatchNorm.ts';
import { createNetwork } from '../network.ts';
import { uploadState, type StateValues } from '../state.ts';
import { statePrefixes } from '../steps/inputs.ts';
import { createLogitsStep } from '../steps/evaluation.ts';
import { addPrefix, disposeAll, requireTensor, selectByPrefix } from '../tensors.ts';
import { evaluateValues } from './evaluate.ts';
import type { TrainedRun } from './trainedRun.ts';

/** Methods whose evaluation is γ(h − r)/√(r² + ϵ) + β of the kernel's own h, r the running averages. */
const foldable = new Set<MethodSettings['id']>(['batchNorm', 'ghostBatchNorm', 'batchRenorm']);

/**
 * The parameters of a network without normalizers that does what this one does in evaluation.
 * @param values Parameters and statistics by their names in a state.
 * @returns `<layer>/kernel` and `<layer>/bias`.
 * @throws LabError `invalidState` where a layer has a normalizer that is no affine map in evaluation.
 */
export function foldState(values: StateValues, document: Pick<RunDocument, 'method' | 'layerMethods'>): StateValues {
  const flat: StateValues = {
    ...selectByPrefix(values, statePrefixes.parameters),
    ...selectByPrefix(values, statePrefixes.statistics),
  };
  const settingsOf = (layer: string): MethodSettings => document.layerMethods[layer] ?? document.method;
  const normalized = Object.keys(flat)
    .filter((name) => name.endsWith('/gamma'))
    .map((name) => name.slice(0, -'/gamma'.length));
  for (const layer of normalized) {
    const { id } = settingsOf(layer);
    if (foldable.has(id)) continue;
    throw new LabError(
      'invalidState',
      `${methods[id].name} of ${layer} cannot be folded: in evaluation it is no fixed scale and shift of each channel.`,
      `Choose a run with ${[...foldable].map((known) => methods[known].name).join(', ')}.`,
    );
  }
  if (normalized.length === 0) {
    throw new LabError(
      'invalidState',
      'This network has no normalizer to fold.',
      'Choose a run with batch normalization.',
    );
  }
  return foldBatchNorm(flat, (layer) => {
    const settings = settingsOf(layer);
    return 'epsilon' in settings ? settings.epsilon : NaN;
  });
}

/** The folded network against the network as it is, on every validation image, in float32. */
export async function measureFolded(run: TrainedRun): Promise<AnalysisResult> {
  const { engine, network, layers, image, validation, document } = run;
  const folded = addPrefix(foldState(run.state, document), statePrefixes.parameters);
  const plain = createNetwork(layers, image, { id: 'none' }, 'all');
  const execution = { ...run.execution, precision: 'float32' } as const;
  let largestLogitDifference = 0;
  let largestLogit = 0;
  const size = Math.min(document.evaluation.batchSize, validation.count);
  const rest = validation.count % size;
  for (const [batch, from, to] of [
    [size, 0, validation.count - rest],
    [rest, validation.count - rest, validation.count],
  ] as const) {
    if (batch === 0) continue;
    const loader = createBatchLoader(validation, image, batch);
    const networks = [
      { step: createLogitsStep(engine, network, image, batch, execution), state: uploadState(run.state) },
      { step: createLogitsStep(engine, plain, image, batch, execution), state: uploadState(folded) },
    ];
    for (let start = from; start < to; start += batch) {
      const given = loader.load(Uint32Array.from({ length: batch }, (_, index) => start + index));
      const [whole = [], other = []] = networks.map(({ step, state }) => {
        const results = step.run({ ...state, ...given });
        const logits = Array.from(requireTensor(results, 'logits').dataSync());
        disposeAll(results);
        return logits;
      });
      whole.forEach((logit, index) => {
        largestLogit = largerOf(largestLogit, Math.abs(logit));
        largestLogitDifference = largerOf(largestLogitDifference, Math.abs(logit - (other[index] ?? NaN)));
      });
      disposeAll(given);
      await yieldToEvents();
    }
    for (const { step, state } of networks) {
      step.dispose();
      disposeAll(state);
    }
  }
  return {
    kind: 'fold',
    images: validation.count,
    largestLogitDifference,
    largestLogit,
    before: await evaluateValues(run, network, run.state),
    after: await evaluateValues(run, plain, folded),
  };
}

/** NaN stays. */
function largerOf(left: number, right: number): number {
  return Number.isNaN(left) || Number.isNaN(right) ? NaN : Math.max(left, right);
}
