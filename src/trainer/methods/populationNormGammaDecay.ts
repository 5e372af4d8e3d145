import {
  add,
  div,
  mean,
  mul,
  sigmoid,
  square,
  squeeze,
  sub,
  sum,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import type { z as zod } from 'zod';
import type { populationNormGammaDecaySchema } from '#shared/domain/methods/populationNormGammaDecay.ts';
import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createPopulationNorm } from './populationNorm.ts';
import { batchAxes, biasedVariance, channelVariable, scaleAndShift, standardizeBatch } from './statistics.ts';

/**
 * Population normalization with gamma decay: the loss gets strength·Σ_c ζ_c·γ_c² of each layer, with
 * ζ_c a constant in the gradient. ζ_c is estimated from the population at each refresh (`adaptive`),
 * or the same for all (`constant`).
 * Source: Luo et al. 2019, theorem 1 and section 6.
 */
export function createPopulationNormGammaDecay(
  layer: MethodLayer,
  settings: zod.infer<typeof populationNormGammaDecaySchema>,
): LayerMethod {
  const { strength, coefficient, constantCoefficient, epsilon } = settings;
  const normalization = createPopulationNorm(layer, settings);
  const { population: plain, variables } = normalization;
  if (coefficient === 'constant' || !plain) {
    return {
      ...normalization,
      penalty: (parameters): Scalar =>
        mul(sum(square(requireTensor(parameters, 'gamma'))), strength * constantCoefficient),
    };
  }
  return {
    ...normalization,
    variables: { ...variables, statistics: { ...variables.statistics, zeta: channelVariable(layer, 0) } },
    population: {
      ...plain,
      forward({ linear, parameters, operations }) {
        const {
          output: z,
          mean: populationMean,
          variance: populationVariance,
        } = standardizeBatch(linear(requireTensor(parameters, 'kernel')), epsilon, operations);
        const output = scaleAndShift(z, parameters);
        return {
          output,
          statistics: { populationMean, populationVariance, zeta: estimateZeta(z, output, settings) },
        };
      },
    },
    penalty: (parameters, statistics): Scalar =>
      mul(sum<Scalar>(mul(requireTensor(statistics, 'zeta'), square(requireTensor(parameters, 'gamma')))), strength),
    logs: (parameters, statistics) => ({
      ...normalization.logs(parameters, statistics),
      zeta: mean<Scalar>(requireTensor(statistics, 'zeta')),
    }),
  };
}

/**
 * ζ = ½[v_σ·mean(A''z²) + v_μ·mean A''] of each channel, [C], with A'' = sigmoid(γz + β) and all means
 * over images and positions. v_μ and v_σ are the variances of a batch's mean and deviation in units of
 * σ_P: `imageLevel` v_μ = Var_i(m_i)/M and v_σ = Var_i(q_i)/(4M), m_i and q_i the mean of z and z² over
 * the positions of image i; `paperM` v_μ = 1/M and v_σ = (ρ + 2)/(4M), ρ the excess kurtosis of z.
 * @param z h standardized by the population, [n,H,W,C] or [n,C].
 * @param preactivation γz + β.
 */
export function estimateZeta(
  z: Tensor,
  preactivation: Tensor,
  { noise, targetBatchSize }: Pick<zod.infer<typeof populationNormGammaDecaySchema>, 'noise' | 'targetBatchSize'>,
): Tensor {
  const all = batchAxes(z);
  const zSquared = square(z);
  const curvature = sigmoid(preactivation);
  const fromDeviation = mean(mul(curvature, zSquared), all);
  const fromMean = mean(curvature, all);
  let meanNoise: Tensor | number;
  let deviationNoise: Tensor;
  if (noise === 'imageLevel') {
    const positions = all.slice(1);
    const ofImages = (values: Tensor): Tensor => (positions.length === 0 ? values : mean(values, positions));
    const varianceOverImages = (values: Tensor): Tensor => squeeze(biasedVariance(ofImages(values), [0]), [0]);
    meanNoise = div(varianceOverImages(z), targetBatchSize);
    deviationNoise = div(varianceOverImages(zSquared), 4 * targetBatchSize);
  } else {
    const kurtosis = sub(div(mean(square(zSquared), all), square(mean(zSquared, all))), 3);
    meanNoise = 1 / targetBatchSize;
    deviationNoise = div(add(kurtosis, 2), 4 * targetBatchSize);
  }
  return mul(add(mul(deviationNoise, fromDeviation), mul(fromMean, meanNoise)), 0.5);
}
