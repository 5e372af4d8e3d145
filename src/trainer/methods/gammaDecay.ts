import { add, div, fill, mean, mul, pow, sigmoid, square, squeeze, sub, type Tensor } from '@tensorflow/tfjs-core';
import type { z as zod } from 'zod';
import type { populationNormGammaDecaySchema } from '#shared/domain/methods/populationNormGammaDecay.ts';
import { batchAxes, biasedVariance } from './statistics.ts';

type Settings = zod.infer<typeof populationNormGammaDecaySchema>;

/** Two values of each channel that belong to a batch's mean and deviation, and what both share; all [C]. */
export interface MeanAndDeviation {
  mean: Tensor;
  deviation: Tensor;
  /** Null where it is not counted. */
  both: Tensor | null;
}

/**
 * Coefficient of gamma decay of each channel, [C]: ζ = ½[v_σ·K_σ + v_μ·K_μ (+ 2·v_σμ·K_σμ)], the noise v of
 * a batch's mean and deviation times what it costs, K.
 * Source: Luo et al. 2019, theorem 1, where v_σ = (ρ + 2)/(4M) and v_μ = 1/M; the term in brackets, which the
 * paper leaves out, follows from the same expansion.
 */
export function combineZeta(noise: MeanAndDeviation, cost: MeanAndDeviation): Tensor {
  const independent = add(mul(noise.deviation, cost.deviation), mul(noise.mean, cost.mean));
  const zeta = mul(independent, 0.5);
  return noise.both && cost.both ? add(zeta, mul(noise.both, cost.both)) : zeta;
}

/**
 * Variances v_μ, v_σ and covariance v_σμ of mean and deviation of a batch of M images, in units of σ_P.
 *
 * `imageLevel`: with m_i and q_i the mean of z and z² over the positions of image i, v_μ = Var_i(m_i)/M,
 * v_σ = Var_i(q_i)/(4M), v_σμ = Cov_i(m_i, q_i)/(2M): positions of an image are no independent samples.
 * `paperM`: as if a batch were M independent values: v_μ = 1/M, v_σ = (ρ + 2)/(4M), v_σμ = s/(2M) with
 * excess kurtosis ρ and skewness s of z. Without the skew correction there is no covariance.
 * @param z h standardized by the population, [n,H,W,C] or [n,C].
 */
export function noiseOfBatch(
  z: Tensor,
  { noise, targetBatchSize: m, skewCorrection }: Pick<Settings, 'noise' | 'targetBatchSize' | 'skewCorrection'>,
): MeanAndDeviation {
  const all = batchAxes(z);
  const zSquared = square(z);
  if (noise === 'imageLevel') {
    const positions = all.slice(1);
    const ofImages = (values: Tensor): Tensor => (positions.length === 0 ? values : mean(values, positions));
    const [means, meanSquares] = [ofImages(z), ofImages(zSquared)];
    const varianceOverImages = (values: Tensor): Tensor => squeeze(biasedVariance(values, [0]), [0]);
    const covariance = (): Tensor => sub(mean(mul(means, meanSquares), 0), mul(mean(means, 0), mean(meanSquares, 0)));
    return {
      mean: div(varianceOverImages(means), m),
      deviation: div(varianceOverImages(meanSquares), 4 * m),
      both: skewCorrection ? div(covariance(), 2 * m) : null,
    };
  }
  const variance = mean(zSquared, all);
  const excessKurtosis = sub(div(mean(square(zSquared), all), square(variance)), 3);
  const skewness = (): Tensor => div(mean(mul(zSquared, z), all), pow(variance, 1.5));
  return {
    mean: fill(variance.shape, 1 / m),
    deviation: div(add(excessKurtosis, 2), 4 * m),
    both: skewCorrection ? div(skewness(), 2 * m) : null,
  };
}

/**
 * What noise costs by the paper's formula, as if every channel were an output: K_σ = mean(A''z²),
 * K_μ = mean A'', K_σμ = mean(A''z) over images and positions, A'' = sigmoid(γz + β).
 */
export function sigmoidCurvature(z: Tensor, preactivation: Tensor): MeanAndDeviation {
  const all = batchAxes(z);
  const curvature = sigmoid(preactivation);
  return {
    mean: mean(curvature, all),
    deviation: mean(mul(curvature, square(z)), all),
    both: mean(mul(curvature, z), all),
  };
}
