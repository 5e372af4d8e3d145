import type { TensorData } from '#files/safetensors.ts';

/** Euclidean norm of each output channel's part of a kernel (the last axis), over all its inputs. */
export function channelNorms({ shape, values }: Pick<TensorData, 'shape' | 'values'>): Float64Array {
  const channels = shape.at(-1) ?? 1;
  const squares = new Float64Array(channels);
  for (let start = 0; start < values.length; start += channels) {
    for (let channel = 0; channel < channels; channel++) {
      const value = values[start + channel] ?? NaN;
      squares[channel] = (squares[channel] ?? NaN) + value * value;
    }
  }
  return squares.map(Math.sqrt);
}

/** √Σ of the squares: of channel norms, the norm of the whole kernel. */
export function totalNorm(norms: Float64Array): number {
  return Math.sqrt(norms.reduce((sum, norm) => sum + norm * norm, 0));
}

/** Learning rate / ‖w‖² of each channel. Momentum, which multiplies it by 1/(1 − m), is not in it. */
export function effectiveLearningRates(learningRate: number, norms: Float64Array): Float64Array {
  return norms.map((norm) => learningRate / (norm * norm));
}
