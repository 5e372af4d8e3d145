import type { Tensor } from '@tensorflow/tfjs-core';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { affineVariables, kernelVariable, logGammaSquared, scaleAndShift } from './statistics.ts';

/**
 * out = γz + β where z is h normalized image by image: nothing is kept from step to step, and
 * evaluation does as training does.
 * @param normalize h, [M,H,W,C] or [M,C], to z of the same shape.
 * @param prepareKernel What h is computed with, from the trained kernel.
 */
export function createPerImageNorm(
  layer: MethodLayer,
  normalize: (h: Tensor) => Tensor,
  prepareKernel: (kernel: Tensor) => Tensor = (kernel) => kernel,
): LayerMethod {
  const forward: LayerMethod['forwardEvaluation'] = ({ linear, parameters }) =>
    scaleAndShift(normalize(linear(prepareKernel(requireTensor(parameters, 'kernel')))), parameters);
  return {
    variables: { parameters: { kernel: kernelVariable(layer), ...affineVariables(layer) }, statistics: {} },
    forwardTraining: (inputs) => ({ output: forward(inputs) }),
    forwardEvaluation: forward,
    logs: logGammaSquared,
  };
}
