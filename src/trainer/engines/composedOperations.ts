import {
  add,
  customGrad,
  expandDims,
  logSoftmax,
  exp,
  mean,
  mul,
  neg,
  oneHot,
  relu,
  rsqrt,
  square,
  squeeze,
  sub,
  sum,
  zerosLike,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import type { FusibleOperations } from './engine.ts';

/** The operations of a step written with tfjs's own; they run on every engine. */
export const composedOperations: FusibleOperations = {
  batchNormTraining(x, gamma, beta, epsilon) {
    const axes = x.shape.slice(0, -1).map((_, axis) => axis);
    const batchMean = mean(x, axes, true);
    const centred = sub(x, batchMean);
    // From the centred values: the mean of squares minus the square of the mean cancels.
    const batchVariance = mean(square(centred), axes, true);
    const normalized = mul(centred, rsqrt(add(batchVariance, epsilon)));
    return {
      output: add(mul(normalized, gamma), beta),
      mean: withoutGradient(squeeze(batchMean, axes)) as Tensor1D,
      variance: withoutGradient(squeeze(batchVariance, axes)) as Tensor1D,
    };
  },

  softmaxCrossEntropy(logits, labels) {
    const targets = oneHot(labels, logits.shape[1], 1, 0, 'float32') as Tensor2D;
    const crossEntropy = customGrad((...args) => {
      const [values, save] = args as unknown as [Tensor2D, (tensors: Tensor[]) => void];
      // Subtracts the largest logit before the exponential, so that it cannot overflow.
      const logProbabilities = logSoftmax(values);
      save([logProbabilities, targets]);
      return {
        value: neg(sum(mul(targets, logProbabilities), 1)),
        gradFunc: (upstream: Tensor, saved: Tensor[]) => {
          const [savedLogProbabilities, savedTargets] = saved as [Tensor, Tensor];
          return mul(expandDims(upstream, 1), sub(exp(savedLogProbabilities), savedTargets));
        },
      };
    });
    return crossEntropy(logits) as Tensor1D;
  },

  relu(x) {
    return relu(x);
  },
};

/** The same values as a constant: gradients through it are zero. */
function withoutGradient(x: Tensor): Tensor {
  return customGrad((...args) => {
    const [values] = args as [Tensor];
    return { value: values.clone(), gradFunc: (upstream: Tensor) => zerosLike(upstream) };
  })(x);
}
