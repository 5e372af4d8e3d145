import { add, mean, mul, rsqrt, square, sub } from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { filterResponseNormSchema } from '#shared/domain/methods/filterResponseNorm.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { affineVariables, channelVariable, kernelVariable, logGammaSquared, scaleAndShift } from './statistics.ts';

/**
 * Filter response normalization with its thresholded linear unit: y = γh/√(ν² + ϵ) + β with ν² the
 * mean of h² of one channel of one image over (H, W), or over C in a fully connected layer; then
 * out = max(y, τ) in place of ReLU. γ, β and τ, first 0, are [C]; ϵ is not trained.
 *
 * A layer without ReLU has no threshold. Evaluation does as training does.
 * Source: Singh & Krishnan 2019.
 */
export function createFilterResponseNorm(
  layer: MethodLayer,
  { epsilon }: z.infer<typeof filterResponseNormSchema>,
): LayerMethod {
  const isThresholded = layer.layer.activation === 'relu';
  const forward: LayerMethod['forwardEvaluation'] = ({ linear, parameters, operations }) => {
    const h = linear(requireTensor(parameters, 'kernel'));
    const meanSquare = mean(square(h), h.rank === 4 ? [1, 2] : [1], true);
    const y = scaleAndShift(mul(h, rsqrt(add(meanSquare, epsilon))), parameters);
    if (!isThresholded) return y;
    const threshold = requireTensor(parameters, 'tau');
    // max(y, τ) with ReLU's own kernels and gradient.
    return add(operations.relu(sub(y, threshold)), threshold);
  };
  return {
    variables: {
      parameters: {
        kernel: kernelVariable(layer),
        ...affineVariables(layer),
        ...(isThresholded && { tau: channelVariable(layer, 0) }),
      },
      statistics: {},
    },
    includesActivation: isThresholded,
    forwardTraining: (inputs) => ({ output: forward(inputs) }),
    forwardEvaluation: forward,
    logs: logGammaSquared,
  };
}
