import {
  add,
  argMax,
  cast,
  grads,
  keep,
  log,
  mean,
  mul,
  neg,
  reshape,
  square,
  sum,
  tile,
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import type { StepOperations, TensorRecord } from './engines/engine.ts';
import type { MeanAndDeviation } from './methods/gammaDecay.ts';
import { normalizeBy } from './methods/statistics.ts';
import type { Network, NetworkInputs, NetworkResult } from './network.ts';
import { createRandomSource, type RandomSource } from './randomSource.ts';
import { requireTensor } from './tensors.ts';

/**
 * The statistics that a network takes from images of the population, and where layers want it (see
 * `LayerPopulation`) those that follow from the Fisher information of their γ and β. Carries no gradient.
 *
 * One pass forward and one backward do for all layers and images: each image gets a γ and a β of its own,
 * equal in value, so the gradient of the summed loss with respect to them is that of each image's loss.
 * For that the statistics of the population are constants: no image's loss depends on another image.
 */
export function takePopulationStatistics(network: Network, inputs: NetworkInputs): TensorRecord {
  const layers = network.fisherLayers;
  if (layers.length === 0) return network.forwardPopulation(inputs).statistics;

  const imageCount = inputs.images.shape[0];
  const names = layers.flatMap((layer) => [`${layer}/gamma`, `${layer}/beta`]);
  const ofImages = names.map((name) => {
    const values = requireTensor(inputs.parameters, name);
    const isConvolution = requireTensor(inputs.parameters, name.replace(/[^/]*$/, 'kernel')).rank === 4;
    const shape = isConvolution ? [1, 1, 1, values.size] : [1, values.size];
    return tile(reshape(values, shape), [imageCount, ...shape.slice(1).map(() => 1)]);
  });
  let result: NetworkResult | undefined;
  const gradients = grads((...values: Tensor[]) => {
    result = network.forwardPopulation({
      ...inputs,
      parameters: {
        ...inputs.parameters,
        ...Object.fromEntries(names.map((name, at) => [name, values[at] as Tensor])),
      },
      operations: withConstantStatistics(inputs.operations),
    });
    // The gradient function frees what it does not return: these are wanted after it.
    for (const wanted of Object.values(result.statistics)) keep(wanted);
    for (const { mean: ofMean, deviation, both } of Object.values(result.noise)) {
      for (const wanted of [ofMean, deviation, both]) if (wanted) keep(wanted);
    }
    const random = createRandomSource(inputs.randomSeed, inputs.operations, 'population');
    const labels = drawLabels(result.logits, random);
    return sum<Scalar>(inputs.operations.softmaxCrossEntropy(result.logits, labels));
  })(ofImages);
  if (!result) throw new Error('the forward pass did not run');

  const { statistics, noise } = result;
  const gradientOf = (name: string): Tensor => reshape(gradients[names.indexOf(name)] as Tensor, [imageCount, -1]);
  for (const layer of layers) {
    const [ofGamma, ofBeta] = [gradientOf(`${layer}/gamma`), gradientOf(`${layer}/beta`)];
    const information: MeanAndDeviation = {
      mean: mean(square(ofBeta), 0),
      deviation: mean(square(ofGamma), 0),
      both: mean(mul(ofGamma, ofBeta), 0),
    };
    Object.assign(statistics, network.useFisherInformation(layer, noise[layer] as MeanAndDeviation, information));
  }
  return statistics;
}

/** Labels [n] drawn from the model's probabilities, softmax(logits): the largest of logits plus Gumbel noise. */
export function drawLabels(logits: Tensor2D, random: RandomSource): Tensor1D {
  const gumbel = neg(log(neg(log(random.uniform('labels', logits.shape)))));
  return cast(argMax(add(logits, gumbel), 1), 'int32');
}

/** Batch normalization with the same values, whose gradient takes mean and variance as constants. */
function withConstantStatistics(operations: StepOperations): StepOperations {
  return {
    ...operations,
    batchNormTraining(x, gamma, beta, epsilon) {
      const { mean: ofBatch, variance } = operations.batchNormTraining(x, gamma, beta, epsilon);
      return { output: normalizeBy(x, { mean: ofBatch, variance }, { gamma, beta }, epsilon), mean: ofBatch, variance };
    },
  };
}
