import type { TensorData } from '#files/safetensors.ts';
import type { StateValues } from './state.ts';

/**
 * The bias-free kernel and γ, β, μ, σ² of a batch-normalized layer as one kernel with bias, which gives
 * the same in evaluation: with a = γ/√(σ² + ϵ) of each output channel, kernel·a and β − a·μ.
 * @param values Named `<layer>/<variable>`; a layer without `runningMean` stays as it is.
 * @param epsilonOf The ϵ of a layer's normalizer.
 * @returns `<layer>/kernel` and `<layer>/bias` of every layer.
 */
export function foldBatchNorm(values: StateValues, epsilonOf: (layer: string) => number): StateValues {
  const folded: StateValues = {};
  for (const [name, kernel] of Object.entries(values)) {
    if (!name.endsWith('/kernel')) continue;
    const layer = name.slice(0, -'/kernel'.length);
    const find = (variable: string): TensorData => {
      const found = values[`${layer}/${variable}`];
      if (!found) throw new Error(`${layer} has no ${variable}`);
      return found;
    };
    if (values[`${layer}/runningMean`] === undefined) {
      folded[name] = kernel;
      folded[`${layer}/bias`] = find('bias');
      continue;
    }
    const [gamma, beta, mean, variance] = ['gamma', 'beta', 'runningMean', 'runningVariance'].map(
      (variable) => find(variable).values,
    );
    const channels = find('gamma').values.length;
    const epsilon = epsilonOf(layer);
    const scale = Float64Array.from(
      { length: channels },
      (_, channel) => (gamma?.[channel] ?? NaN) / Math.sqrt((variance?.[channel] ?? NaN) + epsilon),
    );
    // The output channel is the last axis.
    folded[name] = {
      shape: kernel.shape,
      values: Float32Array.from(kernel.values, (value, index) => value * (scale[index % channels] ?? NaN)),
    };
    folded[`${layer}/bias`] = {
      shape: [channels],
      values: Float32Array.from(
        scale,
        (factor, channel) => (beta?.[channel] ?? NaN) - factor * (mean?.[channel] ?? NaN),
      ),
    };
  }
  return folded;
}
