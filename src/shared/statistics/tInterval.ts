/**
 * Confidence interval of a mean from few values, by Student's t distribution.
 * Source: Abramowitz & Stegun 1964, 26.5 and 26.7 (incomplete beta function, t distribution).
 */

/** ln Γ(x) for x > 0; Lanczos' series with g = 5 (relative error below 2·10⁻¹⁰). */
function logGamma(x: number): number {
  const coefficients = [
    76.180_091_729_471_46, -86.505_320_329_416_77, 24.014_098_240_830_91, -1.231_739_572_450_155,
    0.001_208_650_973_866_179, -0.000_005_395_239_384_953,
  ];
  const shifted = x + 5.5;
  let sum = 1.000_000_000_190_015;
  coefficients.forEach((coefficient, index) => {
    sum += coefficient / (x + 1 + index);
  });
  return (x + 0.5) * Math.log(shifted) - shifted + Math.log((2.506_628_274_631_000_5 * sum) / x);
}

/** Regularized incomplete beta function I_x(a, b), by Lentz's evaluation of its continued fraction. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x) - Math.log(a),
  );
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / Math.max(tiny, 1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 300; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const numerator of [even, odd]) {
      d = 1 / (Math.abs(1 + numerator * d) < tiny ? tiny : 1 + numerator * d);
      c = Math.abs(1 + numerator / c) < tiny ? tiny : 1 + numerator / c;
      change = c * d;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-14) break;
  }
  return front * fraction;
}

/**
 * The t for which P(|T| ≤ t) = confidence, T being Student's with this many degrees of freedom.
 * @throws RangeError for a confidence outside (0, 1) or degrees of freedom below 1.
 */
export function tQuantileTwoSided(confidence: number, degreesOfFreedom: number): number {
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`The confidence is ${confidence}, not in (0, 1).`);
  if (!(degreesOfFreedom >= 1))
    throw new RangeError(`There are ${degreesOfFreedom} degrees of freedom; 1 is the least.`);
  const outside = (t: number): number =>
    incompleteBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5);
  const target = 1 - confidence;
  let high = 1;
  while (outside(high) > target && high < 1e12) high *= 2;
  let low = 0;
  for (let iteration = 0; iteration < 100 && high - low > 1e-13 * high; iteration += 1) {
    const middle = (low + high) / 2;
    if (outside(middle) > target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * P(T ≥ t), T being Student's with this many degrees of freedom; exact tails also where they are tiny.
 * @param t May be infinite; NaN gives NaN.
 * @throws RangeError for degrees of freedom below 1.
 */
export function tTailProbability(t: number, degreesOfFreedom: number): number {
  if (!(degreesOfFreedom >= 1))
    throw new RangeError(`There are ${degreesOfFreedom} degrees of freedom; 1 is the least.`);
  if (Number.isNaN(t)) return Number.NaN;
  const half = incompleteBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5) / 2;
  return t >= 0 ? half : 1 - half;
}

const rememberedQuantiles = new Map<string, number>();

/**
 * Mean and half-width of its confidence interval, mean ± t·s/√n, s the sample standard deviation.
 * The half-width is NaN below two values; both are NaN where a value is not finite.
 */
export function meanInterval(
  values: ArrayLike<number>,
  confidence = 0.95,
): { mean: number; halfWidth: number; count: number } {
  const count = values.length;
  let sum = 0;
  for (let index = 0; index < count; index += 1) sum += values[index] ?? Number.NaN;
  const mean = count === 0 || !Number.isFinite(sum) ? Number.NaN : sum / count;
  if (count < 2) return { mean, halfWidth: Number.NaN, count };
  let squares = 0;
  for (let index = 0; index < count; index += 1) squares += ((values[index] ?? Number.NaN) - mean) ** 2;
  const key = `${confidence} ${count}`;
  const t = rememberedQuantiles.get(key) ?? tQuantileTwoSided(confidence, count - 1);
  rememberedQuantiles.set(key, t);
  return { mean, halfWidth: (t * Math.sqrt(squares / (count - 1))) / Math.sqrt(count), count };
}
