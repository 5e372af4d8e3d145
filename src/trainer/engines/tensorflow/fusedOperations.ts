import { customGrad, expandDims, keep, mul, reshape, tensor1d, zerosLike } from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import type { FusibleOperations } from '../engine.ts';
import type { OperationAttribute } from './attributes.ts';
import { attributeKinds, dataTypes } from './dataTypes.ts';
import type { TensorflowBackend } from './kernelBackend.ts';

/** The operations of a step by TensorFlow's fused kernels. */
export function createFusedOperations(backend: TensorflowBackend): FusibleOperations {
  return {
    batchNormTraining(x, gamma, beta, epsilon) {
      // The kernel wants [M,H,W,C]; statistics of [M,C] are those of one pixel.
      const images = x.rank === 4 ? x : reshape(x, [-1, 1, 1, x.shape[x.rank - 1] ?? 0]);
      const { output, mean, variance } = batchNorm4D(backend, images, gamma, beta, epsilon);
      return { output: x.rank === 4 ? output : reshape(output, x.shape), mean, variance };
    },

    softmaxCrossEntropy(logits, labels) {
      const attributes = [typeAttribute('T', dataTypes.float32), typeAttribute('Tlabels', dataTypes.int32)];
      const crossEntropy = customGrad((...args) => {
        const [values, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
        const [loss, gradient] = backend.executeMultipleOutputs(
          'SparseSoftmaxCrossEntropyWithLogits',
          attributes,
          [values, labels],
          2,
        ) as [Tensor, Tensor];
        save([gradient]);
        return {
          value: loss,
          gradFunc: (upstream: Tensor, saved: Tensor[]) => mul(expandDims(upstream, 1), saved[0] as Tensor),
        };
      });
      return crossEntropy(logits) as Tensor1D;
    },

    relu<T extends Tensor>(x: T): T {
      const attributes = [typeAttribute('T', dataTypes.float32)];
      const rectify = customGrad((...args) => {
        const [values, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
        const output = backend.executeSingleOutput('Relu', attributes, [values]);
        save([output]);
        return {
          value: output,
          gradFunc: (upstream: Tensor, saved: Tensor[]) =>
            backend.executeSingleOutput('ReluGrad', attributes, [upstream, saved[0] as Tensor]),
        };
      });
      return rectify(x) as T;
    },
  };
}

function batchNorm4D(
  backend: TensorflowBackend,
  x: Tensor,
  gamma: Tensor1D,
  beta: Tensor1D,
  epsilon: number,
): { output: Tensor; mean: Tensor1D; variance: Tensor1D } {
  const attributes: OperationAttribute[] = [
    typeAttribute('T', dataTypes.float32),
    typeAttribute('U', dataTypes.float32),
    { name: 'epsilon', type: attributeKinds.float, value: epsilon },
    { name: 'data_format', type: attributeKinds.string, value: 'NHWC' },
    { name: 'is_training', type: attributeKinds.bool, value: true },
  ];
  // With factor 1 the "running" outputs are the batch's own statistics, and no old ones are needed.
  const ownStatistics: OperationAttribute = { name: 'exponential_avg_factor', type: attributeKinds.float, value: 1 };
  let statistics: [Tensor, Tensor] | undefined;
  const normalize = customGrad((...args) => {
    const [input, scale, offset, save] = args as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const none = tensor1d([], 'float32');
    const outputs = backend.executeMultipleOutputs(
      'FusedBatchNormV3',
      [...attributes, ownStatistics],
      [input, scale, offset, none, none],
      6,
    );
    const [output, mean, unbiasedVariance, ...reserved] = outputs as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    statistics = [keep(mean), keep(unbiasedVariance)];
    // What the reserved outputs mean differs between devices; only the gradient kernel knows.
    save([input, scale, ...reserved]);
    return {
      value: output,
      gradFunc: (upstream: Tensor, saved: Tensor[]) => {
        const gradients = backend.executeMultipleOutputs('FusedBatchNormGradV3', attributes, [upstream, ...saved], 5);
        for (const unused of gradients.slice(3)) unused.dispose();
        return gradients.slice(0, 3);
      },
    };
  });
  const output = normalize(x, gamma, beta);
  if (statistics === undefined) throw new Error('the batch normalization did not run');
  // The statistics were kept out of the operation's scope; their copies belong to the caller's.
  const [mean, unbiasedVariance] = statistics;
  const count = x.size / gamma.size;
  const results = {
    output,
    mean: withoutGradient(mean),
    // The kernel's variance is Bessel-corrected; the biased one is what normalized the batch.
    variance: withoutGradient(count > 1 ? mul(unbiasedVariance, (count - 1) / count) : unbiasedVariance),
  };
  mean.dispose();
  unbiasedVariance.dispose();
  return results;
}

function withoutGradient(x: Tensor): Tensor1D {
  return customGrad((...args) => {
    const [values] = args as [Tensor];
    return { value: values.clone(), gradFunc: (upstream: Tensor) => zerosLike(upstream) };
  })(x) as Tensor1D;
}

function typeAttribute(name: string, dataType: number): OperationAttribute {
  return { name, type: attributeKinds.type, value: dataType };
}
