/**
 * The operations of a step as plain loops in float64, and their gradients by finite differences:
 * values that owe nothing to the engines under test. Arrays are row-major, images NHWC.
 */

/** Deterministic test values, spread over about ±2, no two alike. */
export function testValues(count: number, seed = 1): Float64Array {
  return Float64Array.from({ length: count }, (_, index) =>
    // Rounded to float32, so that the engines start from exactly the same numbers.
    Math.fround(2 * Math.sin(12.9898 * (index + 1) + 78.233 * seed) + 0.1 * Math.cos(index * seed)),
  );
}

/** y = γ(x − μ)/√(σ² + ϵ) + β over the rows of x [rows, channels]; σ² biased. */
export function batchNorm(
  x: Float64Array,
  gamma: Float64Array,
  beta: Float64Array,
  epsilon: number,
): { output: Float64Array; mean: Float64Array; variance: Float64Array } {
  const channels = gamma.length;
  const rows = x.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  x.forEach((value, index) => (mean[index % channels] = at(mean, index % channels) + value / rows));
  x.forEach((value, index) => {
    const channel = index % channels;
    variance[channel] = at(variance, channel) + (value - at(mean, channel)) ** 2 / rows;
  });
  const output = x.map((value, index) => {
    const channel = index % channels;
    const normalized = (value - at(mean, channel)) / Math.sqrt(at(variance, channel) + epsilon);
    return at(gamma, channel) * normalized + at(beta, channel);
  });
  return { output, mean, variance };
}

/** −log softmax(logits)[label] of each row. */
export function softmaxCrossEntropy(logits: Float64Array, labels: readonly number[]): Float64Array {
  const classes = logits.length / labels.length;
  return Float64Array.from(labels, (label, row) => {
    const values = logits.subarray(row * classes, (row + 1) * classes);
    const largest = Math.max(...values);
    const sum = values.reduce((total, value) => total + Math.exp(value - largest), 0);
    return Math.log(sum) + largest - at(values, label);
  });
}

/** Cross-correlation, stride 1, zero padding to the same size; filter [height, width, in, out], odd sizes. */
export function conv2dSame(
  x: Float64Array,
  [samples, height, width, inChannels]: readonly [number, number, number, number],
  filter: Float64Array,
  [filterHeight, filterWidth, , outChannels]: readonly [number, number, number, number],
): Float64Array {
  const output = new Float64Array(samples * height * width * outChannels);
  for (let index = 0; index < output.length; index += 1) {
    const out = index % outChannels;
    const column = Math.floor(index / outChannels) % width;
    const row = Math.floor(index / outChannels / width) % height;
    const sample = Math.floor(index / outChannels / width / height);
    for (let dy = 0; dy < filterHeight; dy += 1) {
      for (let dx = 0; dx < filterWidth; dx += 1) {
        const y = row + dy - (filterHeight - 1) / 2;
        const z = column + dx - (filterWidth - 1) / 2;
        if (y < 0 || y >= height || z < 0 || z >= width) continue;
        for (let channel = 0; channel < inChannels; channel += 1) {
          const input = at(x, ((sample * height + y) * width + z) * inChannels + channel);
          const weight = at(filter, ((dy * filterWidth + dx) * inChannels + channel) * outChannels + out);
          output[index] = at(output, index) + input * weight;
        }
      }
    }
  }
  return output;
}

/** Largest of each 2×2 square. */
export function maxPool2(
  x: Float64Array,
  [samples, height, width, channels]: readonly [number, number, number, number],
): Float64Array {
  const output = new Float64Array((samples * height * width * channels) / 4).fill(-Infinity);
  x.forEach((value, index) => {
    const channel = index % channels;
    const column = Math.floor(index / channels) % width;
    const row = Math.floor(index / channels / width) % height;
    const sample = Math.floor(index / channels / width / height);
    const target =
      ((sample * (height / 2) + Math.floor(row / 2)) * (width / 2) + Math.floor(column / 2)) * channels + channel;
    output[target] = Math.max(at(output, target), value);
  });
  return output;
}

/** [rows, inner] times [inner, columns]. */
export function matMul(a: Float64Array, b: Float64Array, inner: number): Float64Array {
  const columns = b.length / inner;
  return Float64Array.from({ length: (a.length / inner) * columns }, (_, index) => {
    const row = Math.floor(index / columns);
    let sum = 0;
    for (let k = 0; k < inner; k += 1) sum += at(a, row * inner + k) * at(b, k * columns + (index % columns));
    return sum;
  });
}

/** Gradient of a scalar function by central differences; exact to about 1e-9 for smooth functions of this size. */
export function numericGradient(f: (x: Float64Array) => number, x: Float64Array, h = 1e-5): Float64Array {
  return x.map((_, index) => {
    const moved = (by: number): Float64Array => x.map((value, other) => (other === index ? value + by : value));
    return (f(moved(h)) - f(moved(-h))) / (2 * h);
  });
}

export function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * at(b, index), 0);
}

function at(array: Float64Array, index: number): number {
  const value = array[index];
  if (value === undefined) throw new RangeError(`index ${index} of ${array.length}`);
  return value;
}
