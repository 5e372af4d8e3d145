/**
 * Debiased exponential moving average of a whole series: with m₀ = 0 and t counting finite values,
 *
 *     m_t = a·m_{t−1} + (1−a)·x_t,    result_t = m_t / (1 − aᵗ).
 *
 * The divisor removes the pull of m₀ towards zero, so that the first result is x₁ (the bias
 * correction of Kingma and Ba, 2015, section 3). Values that are not finite are skipped: they do
 * not enter the mean, and stand in the result as they are, so that a divergence stays visible.
 * Smooth full data and down-sample then: the other way round the curve depends on the bucket size.
 * @param values The series; it is not changed.
 * @param weight a, in [0, 1); 0 changes nothing.
 * @throws RangeError for another weight.
 */
export function smoothExponentially(values: Float64Array, weight: number): Float64Array {
  if (!(weight >= 0 && weight < 1)) throw new RangeError(`The smoothing weight is ${weight}, not in [0, 1).`);
  const result = new Float64Array(values.length);
  let average = 0;
  let power = 1;
  for (const [index, value] of values.entries()) {
    if (Number.isFinite(value)) {
      average = weight * average + (1 - weight) * value;
      power *= weight;
      result[index] = average / (1 - power);
    } else {
      result[index] = value;
    }
  }
  return result;
}
