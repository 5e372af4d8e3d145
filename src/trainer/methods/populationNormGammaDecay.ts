import { add, mean, mul, square, sum, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import type { z as zod } from 'zod';
import type { populationNormGammaDecaySchema } from '#shared/domain/methods/populationNormGammaDecay.ts';
import { requireTensor } from '../tensors.ts';
import { combineZeta, noiseOfBatch, sigmoidCurvature } from './gammaDecay.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { createPopulationNorm } from './populationNorm.ts';
import { channelVariable, standardizeBatch } from './statistics.ts';

/**
 * Population normalization with gamma decay: the loss gets strength·Σ_c ζ_c·γ_c² of each layer, with
 * ζ_c a constant in the gradient. ζ_c is estimated from the population at each refresh (`adaptive`),
 * or the same for all (`constant`).
 *
 * The estimate (see `combineZeta`) weighs the noise of a batch by its cost: by the paper's formula
 * (`sigmoid`), or by the Fisher information of γ and β, K_σ = F(γ_c), K_μ = F(β_c): the mean over images of
 * the squared gradient of that image's loss, with labels drawn from the model (`fisher`). The former takes
 * a hidden channel for an output; the latter does not, and is far smaller in deep layers.
 * Source: Luo et al. 2019, theorem 1 and section 6; `fisher` extends it to hidden layers.
 */
export function createPopulationNormGammaDecay(
  layer: MethodLayer,
  settings: zod.infer<typeof populationNormGammaDecaySchema>,
): LayerMethod {
  const { strength, coefficient, constantCoefficient, curvature, epsilon } = settings;
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
    drawsRandomNumbers: curvature === 'fisher',
    population: {
      ...plain,
      forward({ linear, parameters, operations }) {
        const {
          output: z,
          mean: populationMean,
          variance: populationVariance,
        } = standardizeBatch(linear(requireTensor(parameters, 'kernel')), epsilon, operations);
        // γ and β are [C], or [n,1,1,C] and [n,C] where each image has its own.
        const output = add(mul(z, requireTensor(parameters, 'gamma')), requireTensor(parameters, 'beta'));
        const noise = noiseOfBatch(z, settings);
        const statistics = { populationMean, populationVariance };
        return curvature === 'fisher'
          ? { output, statistics, noise }
          : { output, statistics: { ...statistics, zeta: combineZeta(noise, sigmoidCurvature(z, output)) } };
      },
      ...(curvature === 'fisher' && {
        useFisherInformation: (noise, information): Record<string, Tensor> => ({
          zeta: combineZeta(noise, information),
        }),
      }),
    },
    penalty: (parameters, statistics): Scalar =>
      mul(sum<Scalar>(mul(requireTensor(statistics, 'zeta'), square(requireTensor(parameters, 'gamma')))), strength),
    logs: (parameters, statistics) => ({
      ...normalization.logs(parameters, statistics),
      zeta: mean<Scalar>(requireTensor(statistics, 'zeta')),
    }),
  };
}
