/**
 * Natural logarithm by sums, products and quotients of doubles only. `Math.log` may differ in its last
 * digit between machines; this does not. Relative error below 1e-15 for normal positive doubles.
 */
export function portableLog(x: number): number {
  // x = m·2^e with m in [1/√2, √2); log m = 2·atanh(s), s = (m − 1)/(m + 1), |s| < 0.172.
  let mantissa = x;
  let exponent = 0;
  while (mantissa >= 1.4142135623730951) {
    mantissa /= 2;
    exponent++;
  }
  while (mantissa < 0.7071067811865476) {
    mantissa *= 2;
    exponent--;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let sum = 0;
  for (let odd = 23; odd >= 3; odd -= 2) sum = (sum + 1 / odd) * square;
  return exponent * 0.6931471805599453 + 2 * s * (1 + sum);
}

function rational(x: number, numerator: readonly number[], denominator: readonly number[]): number {
  let top = 0;
  let bottom = 0;
  for (let index = numerator.length - 1; index >= 0; index--) {
    top = top * x + (numerator[index] ?? 0);
    bottom = bottom * x + (denominator[index] ?? 0);
  }
  return top / bottom;
}

const centralNumerator = [
  3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125, 45921.953931549871457,
  67265.770927008700853, 33430.575583588128105, 2509.0809287301226727,
];
const centralDenominator = [
  1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867, 39307.89580009271061,
  28729.085735721942674, 5226.495278852545925,
];
const middleNumerator = [
  1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504, 1.27045825245236838258,
  0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4,
];
const middleDenominator = [
  1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
  0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9,
];
const tailNumerator = [
  6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123, 0.026532189526576123093,
  0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
];
const tailDenominator = [
  1, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
  1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15,
];

/**
 * Quantile of the standard normal distribution for a probability in (0, 1).
 * Source: M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988): relative accuracy
 * about 1e-16. Uses only operations that IEEE 754 rounds exactly, so it is the same on every machine.
 */
export function normalQuantile(probability: number): number {
  const q = probability - 0.5;
  if (Math.abs(q) <= 0.425) {
    return q * rational(0.180625 - q * q, centralNumerator, centralDenominator);
  }
  const tail = Math.sqrt(-portableLog(q < 0 ? probability : 1 - probability));
  const magnitude =
    tail <= 5
      ? rational(tail - 1.6, middleNumerator, middleDenominator)
      : rational(tail - 5, tailNumerator, tailDenominator);
  return q < 0 ? -magnitude : magnitude;
}
