/** Mean and biased variance of each channel of h. */
export interface ChannelStatistics {
  mean: Float64Array;
  variance: Float64Array;
}

/**
 * Statistics of the population that batches of equal size make up: the mean of the means, and the mean
 * of the variances plus the variance of the means (Wu & Johnson 2021).
 */
export function combineBatches(batches: readonly ChannelStatistics[]): ChannelStatistics {
  const average = (value: (batch: ChannelStatistics, channel: number) => number): Float64Array =>
    Float64Array.from(
      { length: batches[0]?.mean.length ?? 0 },
      (_, channel) => batches.reduce((sum, batch) => sum + value(batch, channel), 0) / batches.length,
    );
  const mean = average((batch, channel) => batch.mean[channel] ?? NaN);
  const variance = average(
    (batch, channel) => (batch.variance[channel] ?? NaN) + ((batch.mean[channel] ?? NaN) - (mean[channel] ?? NaN)) ** 2,
  );
  return { mean, variance };
}

/**
 * Standard deviation over batches (with n − 1) of a batch's mean and of its standard deviation, in
 * units of the population's σ; NaN for fewer than two batches, and where σ is 0.
 * For M independent Gaussian values they are near 1/√M and 1/√(2M).
 */
export function batchNoise(
  batches: readonly ChannelStatistics[],
  population: ChannelStatistics,
): { mean: Float64Array; deviation: Float64Array } {
  const spread = (value: (batch: ChannelStatistics, channel: number) => number): Float64Array =>
    population.variance.map((variance, channel) => {
      const values = batches.map((batch) => value(batch, channel));
      const centre = values.reduce((sum, each) => sum + each, 0) / values.length;
      const squares = values.reduce((sum, each) => sum + (each - centre) ** 2, 0);
      return Math.sqrt(squares / (values.length - 1) / variance);
    });
  return {
    mean: spread((batch, channel) => batch.mean[channel] ?? NaN),
    deviation: spread((batch, channel) => Math.sqrt(batch.variance[channel] ?? NaN)),
  };
}

/** |μ − μ_P|/σ_P and |σ/σ_P − 1| of each channel; NaN where σ_P is 0. */
export function distanceFromPopulation(
  used: { mean: ArrayLike<number>; variance: ArrayLike<number> },
  population: ChannelStatistics,
): { mean: Float64Array; deviation: Float64Array } {
  return {
    mean: population.mean.map(
      (mean, channel) => Math.abs((used.mean[channel] ?? NaN) - mean) / Math.sqrt(population.variance[channel] ?? NaN),
    ),
    deviation: population.variance.map((variance, channel) =>
      Math.abs(Math.sqrt((used.variance[channel] ?? NaN) / variance) - 1),
    ),
  };
}
