import { methodVerification } from '#shared/domain/methodVerification.ts';
import type { MethodSettings } from '#shared/domain/methods/index.ts';
import type { Engine, TensorRecord } from '../engines/engine.ts';
import { createNetwork } from '../network.ts';
import type { StateValues } from '../state.ts';
import { statePrefixes, type StepExecution } from '../steps/inputs.ts';
import { createFixedState } from './fixedState.ts';
import { createLossFunction } from './gradient.ts';

/** Which statistics μ and σ² a method corrects the batch's towards (null: the batch's own), and what limits that. */
interface Renormalization {
  mean: 'populationMean' | 'runningMean' | null;
  variance: 'populationVariance' | 'runningVariance' | null;
  rMax: number;
  dMax: number;
}

function findRenormalization(method: MethodSettings): Renormalization | null {
  switch (method.id) {
    case 'batchRenorm':
      return { mean: 'runningMean', variance: 'runningVariance', rMax: method.rMax, dMax: method.dMax };
    case 'populationNorm':
    case 'populationNormGammaDecay':
      return method.backward === 'stopGradient'
        ? null
        : { mean: 'populationMean', variance: 'populationVariance', rMax: Infinity, dMax: Infinity };
    case 'noiseSeparatedBatchNorm':
      return {
        mean: method.mean === 'batch' ? null : 'populationMean',
        variance: method.deviation === 'batch' ? null : 'populationVariance',
        rMax: Infinity,
        dMax: Infinity,
      };
    default:
      return null;
  }
}

/**
 * The loss whose derivative is the gradient of a method that is γ(z_B·r + d) + β with z_B = (h − μ_B)/σ_B
 * and r = σ_B/σ, d = (μ_B − μ)/σ taken as constants in its gradient: r and d keep the values they have in
 * `state`, while all else follows the parameters. Forward, such a method depends on no batch where r and d
 * are not limited, so that its gradient is not the derivative of its own loss.
 *
 * γ(z_B·r + d) + β is batch normalization with γr for γ and γd + β for β: that is what computes it here,
 * by nothing of the method's own. r and d are found layer by layer, from the batch's statistics.
 * @returns null for methods that take no such constants.
 */
export function holdConstants(
  method: MethodSettings,
  state: StateValues,
  batch: TensorRecord,
  engine: Engine,
  execution: StepExecution,
): { loss(state: StateValues): number; dispose(): void } | null {
  const renormalization = findRenormalization(method);
  if (renormalization === null || !('epsilon' in method)) return null;
  const { image, differencedLayers } = methodVerification;
  const { epsilon } = method;
  // Without memory of earlier steps, its running statistics are the batch's.
  const network = createNetwork(differencedLayers, image, { id: 'batchNorm', epsilon, runningMomentum: 0 }, 'all');
  const batchNormState = createFixedState(network);
  const batchNorm = createLossFunction(network, batch, engine, execution);
  const constants = new Map<string, { r: Float64Array; d: Float64Array }>();

  const substitute = (given: StateValues): StateValues => {
    const parameters = Object.fromEntries(
      Object.entries(given).filter(([name]) => name in batchNormState && name.startsWith(statePrefixes.parameters)),
    );
    const substituted = { ...batchNormState, ...parameters };
    for (const [layer, { r, d }] of constants) {
      const [gammaName, betaName] = [
        `${statePrefixes.parameters}${layer}/gamma`,
        `${statePrefixes.parameters}${layer}/beta`,
      ];
      const [gamma, beta] = [requireValues(given, gammaName), requireValues(given, betaName)];
      const shape = [gamma.length];
      substituted[gammaName] = { shape, values: gamma.map((value, channel) => value * (r[channel] ?? NaN)) };
      substituted[betaName] = {
        shape,
        values: beta.map((value, channel) => value + (gamma[channel] ?? NaN) * (d[channel] ?? NaN)),
      };
    }
    return substituted;
  };

  for (const layer of network.normalizedLayers) {
    const ofBatch = batchNorm.statistics(substitute(state));
    const find = (from: StateValues, name: string): Float32Array =>
      requireValues(from, `${statePrefixes.statistics}${layer}/${name}`);
    const [batchMean, batchVariance] = [find(ofBatch, 'runningMean'), find(ofBatch, 'runningVariance')];
    const mean = renormalization.mean === null ? batchMean : find(state, renormalization.mean);
    const variance = renormalization.variance === null ? batchVariance : find(state, renormalization.variance);
    const clip = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
    const deviationOf = (values: Float32Array, channel: number): number =>
      Math.sqrt((values[channel] ?? NaN) + epsilon);
    constants.set(layer, {
      r: Float64Array.from(mean, (_, channel) =>
        clip(
          deviationOf(batchVariance, channel) / deviationOf(variance, channel),
          1 / renormalization.rMax,
          renormalization.rMax,
        ),
      ),
      d: Float64Array.from(mean, (value, channel) =>
        clip(
          ((batchMean[channel] ?? NaN) - value) / deviationOf(variance, channel),
          -renormalization.dMax,
          renormalization.dMax,
        ),
      ),
    });
  }
  return { loss: (given) => batchNorm.evaluate(substitute(given)).loss, dispose: () => batchNorm.dispose() };
}

function requireValues(state: StateValues, name: string): Float32Array {
  const values = state[name]?.values;
  if (!(values instanceof Float32Array)) throw new Error(`there is no ${name}`);
  return values;
}
