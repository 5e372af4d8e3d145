/**
 * The engine verification's losses in float64, written out by hand: no tensor library, gradients
 * derived on paper. Run it with Node to print the values for src/shared/domain/engineVerification.ts.
 *
 * Network: conv 3×3 'same' → BN → ReLU → max-pool 2 → dense → BN → ReLU → dense; mean softmax
 * cross-entropy; v ← m·v + g, w ← w − lr·v. Weights and pixels start as the exact float32 numbers
 * that the random streams give.
 */
import { pathToFileURL } from 'node:url';
import { engineVerification } from '#shared/domain/engineVerification.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';

const { batchSize: M, classCount: K, steps, learningRate, momentum, seed, method } = engineVerification;
const [H, W, C] = engineVerification.image;
const F = 4; // channels of conv1
const U = 8; // units of fc1
const P = H / 2; // side after pooling
const D = P * P * F; // inputs of fc1

type Vector = Float64Array;
const zeros = (count: number): Vector => new Float64Array(count);
const get = (vector: Vector, index: number): number => vector[index] as number;
const increase = (vector: Vector, index: number, by: number): void => {
  vector[index] = get(vector, index) + by;
};

function heNormal(name: string, count: number, fanIn: number): Vector {
  return Float64Array.from(createRandomStream(seed, `initial/${name}`).normals(count, Math.sqrt(2 / fanIn)));
}

interface Normalized {
  output: Vector;
  z: Vector;
  mean: Vector;
  variance: Vector;
}

/** Rows of `channels` values; statistics over the rows. */
function batchNorm(h: Vector, channels: number, gamma: Vector, beta: Vector): Normalized {
  const rows = h.length / channels;
  const mean = zeros(channels);
  const variance = zeros(channels);
  h.forEach((value, i) => increase(mean, i % channels, value / rows));
  h.forEach((value, i) => increase(variance, i % channels, (value - get(mean, i % channels)) ** 2 / rows));
  const z = h.map((value, i) => {
    const c = i % channels;
    return (value - get(mean, c)) / Math.sqrt(get(variance, c) + method.epsilon);
  });
  return { output: z.map((value, i) => get(gamma, i % channels) * value + get(beta, i % channels)), z, mean, variance };
}

/** dh = γ/σ·(u − mean u − z·mean(u z)), u the gradient of the output. */
function batchNormGradient(u: Vector, { z, variance }: Normalized, channels: number, gamma: Vector) {
  const rows = u.length / channels;
  const dGamma = zeros(channels);
  const dBeta = zeros(channels);
  u.forEach((value, i) => {
    increase(dGamma, i % channels, value * get(z, i));
    increase(dBeta, i % channels, value);
  });
  const dh = u.map((value, i) => {
    const c = i % channels;
    const scale = get(gamma, c) / Math.sqrt(get(variance, c) + method.epsilon);
    return scale * (value - get(dBeta, c) / rows - (get(z, i) * get(dGamma, c)) / rows);
  });
  return { dh, dGamma, dBeta };
}

/** Calls back with (input index, kernel index, output index) of every product of the convolution. */
function eachConvolutionProduct(visit: (input: number, kernel: number, output: number) => void): void {
  for (let m = 0; m < M; m++)
    for (let y = 0; y < H; y++)
      for (let x = 0; x < W; x++)
        for (let ky = 0; ky < 3; ky++)
          for (let kx = 0; kx < 3; kx++) {
            const iy = y + ky - 1;
            const ix = x + kx - 1;
            if (iy < 0 || iy >= H || ix < 0 || ix >= W) continue;
            for (let c = 0; c < C; c++)
              for (let f = 0; f < F; f++)
                visit(((m * H + iy) * W + ix) * C + c, ((ky * 3 + kx) * C + c) * F + f, ((m * H + y) * W + x) * F + f);
          }
}

function dense(input: Vector, kernel: Vector, inputs: number, outputs: number): Vector {
  const result = zeros(M * outputs);
  for (let m = 0; m < M; m++)
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++)
        increase(result, m * outputs + o, get(input, m * inputs + i) * get(kernel, i * outputs + o));
  return result;
}

function denseGradient(input: Vector, kernel: Vector, u: Vector, inputs: number, outputs: number) {
  const dInput = zeros(M * inputs);
  const dKernel = zeros(inputs * outputs);
  for (let m = 0; m < M; m++)
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++) {
        increase(dInput, m * inputs + i, get(u, m * outputs + o) * get(kernel, i * outputs + o));
        increase(dKernel, i * outputs + o, get(u, m * outputs + o) * get(input, m * inputs + i));
      }
  return { dInput, dKernel };
}

const relu = (x: Vector): Vector => x.map((value) => Math.max(value, 0));

/** Largest value of each 2×2 window and where it lies. */
function maxPool(x: Vector): { output: Vector; from: number[] } {
  const from: number[] = [];
  for (let m = 0; m < M; m++)
    for (let y = 0; y < P; y++)
      for (let column = 0; column < P; column++)
        for (let f = 0; f < F; f++) {
          const corners = [0, 1, 2, 3].map((k) => ((m * H + 2 * y + (k >> 1)) * W + 2 * column + (k & 1)) * F + f);
          from.push(corners.reduce((best, corner) => (get(x, corner) > get(x, best) ? corner : best)));
        }
  return { output: Float64Array.from(from, (index) => get(x, index)), from };
}

function crossEntropy(logits: Vector, labels: readonly number[]): { loss: number; gradient: Vector } {
  const gradient = zeros(M * K);
  let loss = 0;
  for (let m = 0; m < M; m++) {
    const row = Array.from(logits.subarray(m * K, (m + 1) * K));
    const largest = Math.max(...row);
    const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
    row.forEach((value, k) => {
      const probability = Math.exp(value - largest) / sum;
      gradient[m * K + k] = (probability - (labels[m] === k ? 1 : 0)) / M;
      if (labels[m] === k) loss -= Math.log(probability) / M;
    });
  }
  return { loss, gradient };
}

export function verificationReference(): number[] {
  const weights: Record<string, Vector> = {
    conv1: heNormal('conv1/kernel', 9 * C * F, 9 * C),
    gamma1: zeros(F).fill(1),
    beta1: zeros(F),
    fc1: heNormal('fc1/kernel', D * U, D),
    gamma2: zeros(U).fill(1),
    beta2: zeros(U),
    fc2: heNormal('fc2/kernel', U * K, U),
    bias: zeros(K),
  };
  const w = (name: string): Vector => weights[name] as Vector;
  const velocities = Object.fromEntries(Object.entries(weights).map(([name, value]) => [name, zeros(value.length)]));
  const running = { mean1: zeros(F), variance1: zeros(F).fill(1), mean2: zeros(U), variance2: zeros(U).fill(1) };
  const update = (name: keyof typeof running, batch: Vector): void => {
    const r = method.runningMomentum;
    running[name] = running[name].map((value, c) => r * value + (1 - r) * get(batch, c));
  };
  const addBias = (x: Vector): Vector => x.map((value, i) => value + get(w('bias'), i % K));
  const losses: number[] = [];
  let images: Vector = zeros(0);
  let labels: number[] = [];

  for (let step = 0; step < steps; step++) {
    images = Float64Array.from(
      createRandomStream(seed, engineVerification.imageStream(step)).normals(M * H * W * C, 1),
    );
    const stream = createRandomStream(seed, engineVerification.labelStream(step));
    labels = Array.from({ length: M }, () => stream.integer(K));

    const h1 = zeros(M * H * W * F);
    eachConvolutionProduct((i, k, o) => increase(h1, o, get(images, i) * get(w('conv1'), k)));
    const n1 = batchNorm(h1, F, w('gamma1'), w('beta1'));
    const pooled = maxPool(relu(n1.output));
    const h2 = dense(pooled.output, w('fc1'), D, U);
    const n2 = batchNorm(h2, U, w('gamma2'), w('beta2'));
    const a2 = relu(n2.output);
    const { loss, gradient } = crossEntropy(addBias(dense(a2, w('fc2'), U, K)), labels);
    losses.push(loss);

    const g: Record<string, Vector> = {};
    g['bias'] = zeros(K);
    gradient.forEach((value, i) => increase(g['bias'] as Vector, i % K, value));
    const back2 = denseGradient(a2, w('fc2'), gradient, U, K);
    g['fc2'] = back2.dKernel;
    const u2 = back2.dInput.map((value, i) => (get(n2.output, i) > 0 ? value : 0));
    const bn2 = batchNormGradient(u2, n2, U, w('gamma2'));
    Object.assign(g, { gamma2: bn2.dGamma, beta2: bn2.dBeta });
    const back1 = denseGradient(pooled.output, w('fc1'), bn2.dh, D, U);
    g['fc1'] = back1.dKernel;
    const u1 = zeros(M * H * W * F);
    back1.dInput.forEach((value, i) => {
      const source = pooled.from[i] as number;
      if (get(n1.output, source) > 0) increase(u1, source, value);
    });
    const bn1 = batchNormGradient(u1, n1, F, w('gamma1'));
    Object.assign(g, { gamma1: bn1.dGamma, beta1: bn1.dBeta });
    g['conv1'] = zeros(9 * C * F);
    eachConvolutionProduct((i, k, o) => increase(g['conv1'] as Vector, k, get(images, i) * get(bn1.dh, o)));

    for (const name of Object.keys(weights)) {
      const velocity = velocities[name] as Vector;
      velocities[name] = velocity.map((value, i) => momentum * value + get(g[name] as Vector, i));
      weights[name] = w(name).map((value, i) => value - learningRate * get(velocities[name] as Vector, i));
    }
    update('mean1', n1.mean);
    update('variance1', n1.variance);
    update('mean2', n2.mean);
    update('variance2', n2.variance);
  }

  const evaluate = (h: Vector, mean: Vector, variance: Vector, gamma: Vector, beta: Vector): Vector =>
    h.map((value, i) => {
      const c = i % mean.length;
      return (get(gamma, c) * (value - get(mean, c))) / Math.sqrt(get(variance, c) + method.epsilon) + get(beta, c);
    });
  const h1 = zeros(M * H * W * F);
  eachConvolutionProduct((i, k, o) => increase(h1, o, get(images, i) * get(w('conv1'), k)));
  const a1 = maxPool(relu(evaluate(h1, running.mean1, running.variance1, w('gamma1'), w('beta1')))).output;
  const h2 = dense(a1, w('fc1'), D, U);
  const a2 = relu(evaluate(h2, running.mean2, running.variance2, w('gamma2'), w('beta2')));
  losses.push(crossEntropy(addBias(dense(a2, w('fc2'), U, K)), labels).loss);
  return losses;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(verificationReference());
