/**
 * Quantile by linear interpolation between order statistics, x₍₀₎ ≤ … ≤ x₍n−1₎: with
 * h = (n − 1)·p, x₍⌊h⌋₎ + (h − ⌊h⌋)·(x₍⌊h⌋+1₎ − x₍⌊h⌋₎). It is type 7 of Hyndman and Fan (1996),
 * NumPy's and R's default.
 * @param values In any order, not changed; NaN where there are none or where one of them is NaN.
 * @param probability p, in [0, 1].
 * @throws RangeError for another probability.
 */
export function quantile(values: ArrayLike<number>, probability: number): number {
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(`The probability is ${probability}, not in [0, 1].`);
  }
  // NaN sorts last in a typed array.
  const sorted = Float64Array.from(values).sort();
  if (Number.isNaN(sorted.at(-1) ?? Number.NaN)) return Number.NaN;
  const position = (sorted.length - 1) * probability;
  const lower = sorted[Math.floor(position)] ?? Number.NaN;
  const upper = sorted[Math.ceil(position)] ?? Number.NaN;
  // An infinite neighbour of weight zero must not turn a finite result into NaN.
  const fraction = position - Math.floor(position);
  return fraction === 0 || lower === upper ? lower : lower + fraction * (upper - lower);
}

/** The middle value, or the mean of the two in the middle; NaN as in `quantile`. */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** Minimum, median and maximum, for a spread in few words; NaN as in `quantile`. */
export function spread(values: ArrayLike<number>): { minimum: number; median: number; maximum: number } {
  return { minimum: quantile(values, 0), median: median(values), maximum: quantile(values, 1) };
}
