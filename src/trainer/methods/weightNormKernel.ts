import {
  add,
  customGrad,
  mean,
  mul,
  neg,
  rsqrt,
  square,
  squeeze,
  sub,
  sum,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { requireTensor } from '../tensors.ts';
import type { LayerInputs, LayerMethod, MethodLayer, VariableDefinition } from './method.ts';
import {
  affineVariables,
  batchAxes,
  biasedVariance,
  channelSum,
  kernelVariable,
  logGammaSquared,
  scaleChannels,
} from './statistics.ts';

/** Keeps a first batch without any variance from giving infinite scales. */
const initialEpsilon = 1e-8;

/** Direction v, shaped like a kernel and drawn as one, and γ and β. */
export function weightNormVariables(layer: MethodLayer): Record<'direction' | 'gamma' | 'beta', VariableDefinition> {
  return { direction: kernelVariable(layer), ...affineVariables(layer) };
}

/**
 * h = (v/‖v‖)ᵀx, ‖v‖ of each output channel over all its inputs, without ϵ; times a scale of each
 * channel, [C], where there is one. Norm and scale go to the kernel or to what it gives, whichever
 * has fewer values.
 */
export function weightNormalized(
  { layer }: MethodLayer,
  { linear, parameters }: Pick<LayerInputs, 'linear' | 'parameters'>,
  scale: Tensor | null,
): Tensor {
  const direction = requireTensor(parameters, 'direction');
  const factor = scale === null ? inverseNorm(direction) : mul(inverseNorm(direction), scale);
  return layer.type === 'dense' ? scaleChannels(linear(direction), factor) : linear(scaleChannels(direction, factor));
}

/** 1/‖v‖ of each output channel, [C]. Gradient with upstream u: −v·u/‖v‖³, in one pass over v. */
function inverseNorm(direction: Tensor): Tensor {
  return customGrad((...args) => {
    const [v, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const inverse = rsqrt(channelSum(square(v)));
    save([v, inverse]);
    return {
      value: inverse,
      gradFunc: (upstream: Tensor, saved: Tensor[]) => {
        const [savedDirection, savedInverse] = saved as [Tensor, Tensor];
        return mul(savedDirection, neg(mul(upstream, mul(savedInverse, square(savedInverse)))));
      },
    };
  })(direction);
}

/** Mean and biased variance of a batch, [C]. */
export function batchMoments(h: Tensor): { mean: Tensor; variance: Tensor } {
  const axes = batchAxes(h);
  return { mean: mean(h, axes), variance: squeeze(biasedVariance(h, axes), axes) };
}

/**
 * Data-dependent initialisation: the first batch leaves the layer with mean 0 and variance 1 in each
 * channel, as batch normalization would (Salimans & Kingma 2016, section 3).
 * @param part What of μ and σ the method itself takes away, and parameters need not.
 */
export function initializeWeightNorm(layer: MethodLayer, part: 'neither' | 'mean' | 'variance') {
  return ({ linear, parameters }: LayerInputs): ReturnType<NonNullable<LayerMethod['initialize']>> => {
    const h = weightNormalized(layer, { linear, parameters }, null);
    const moments = batchMoments(h);
    const inverseDeviation = rsqrt(add(moments.variance, initialEpsilon));
    const shift = neg(mul(moments.mean, inverseDeviation));
    return {
      output: mul(sub(h, moments.mean), inverseDeviation),
      parameters: {
        ...(part !== 'variance' && { gamma: inverseDeviation }),
        ...(part !== 'mean' && { beta: shift }),
      },
    };
  };
}

/** What every method with weight normalization has besides its forward passes. */
export function weightNormExtras(
  layer: MethodLayer,
  { gammaDecay, dataDependentInitialization }: { gammaDecay: number; dataDependentInitialization: boolean },
  part: 'neither' | 'mean' | 'variance',
): Pick<LayerMethod, 'initialize' | 'penalty' | 'logs'> {
  return {
    ...(dataDependentInitialization && { initialize: initializeWeightNorm(layer, part) }),
    ...(gammaDecay > 0 && {
      penalty: (parameters): Scalar => mul(sum(square(requireTensor(parameters, 'gamma'))), gammaDecay),
    }),
    logs: logGammaSquared,
  };
}
