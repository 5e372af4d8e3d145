import type { Tensor } from '@tensorflow/tfjs-core';
import type { RandomSource } from '../randomSource.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerInputs, LayerMethod, MethodLayer } from './method.ts';
import { affineVariables, kernelVariable, logGammaSquared, scaleAndShift } from './statistics.ts';

interface PerImageOptions {
  /** What h is computed with, from the trained kernel. */
  prepareKernel?: (kernel: Tensor) => Tensor;
  /** What training makes of z; nothing where it is absent. */
  disturb?: (z: Tensor, random: RandomSource) => Tensor;
  drawsRandomNumbers?: boolean;
}

/**
 * out = γz + β where z is h normalized image by image: nothing is kept from step to step, and
 * evaluation does as training does, unless that disturbs z.
 * @param normalize h, [M,H,W,C] or [M,C], to z of the same shape.
 */
export function createPerImageNorm(
  layer: MethodLayer,
  normalize: (h: Tensor) => Tensor,
  { prepareKernel = (kernel) => kernel, disturb = (z) => z, drawsRandomNumbers = false }: PerImageOptions = {},
): LayerMethod {
  const standardized = ({ linear, parameters }: LayerInputs): Tensor =>
    normalize(linear(prepareKernel(requireTensor(parameters, 'kernel'))));
  return {
    variables: { parameters: { kernel: kernelVariable(layer), ...affineVariables(layer) }, statistics: {} },
    drawsRandomNumbers,
    forwardTraining: (inputs) => ({
      output: scaleAndShift(disturb(standardized(inputs), inputs.random), inputs.parameters),
    }),
    forwardEvaluation: (inputs) => scaleAndShift(standardized(inputs), inputs.parameters),
    logs: logGammaSquared,
  };
}
