import { add, dispose, matMul, mul, tensor2d, type Tensor2D } from '@tensorflow/tfjs-core';
import type { StepOperations } from '../engine.ts';
import { compileStep, type Compiler } from './compiledStep.ts';

/**
 * Left to itself, TensorFlow's rewriting also takes the arithmetic that follows a product into
 * bfloat16: the optimizer's update of the weights would lose its small steps, and batch statistics
 * their accuracy. These operations therefore stay as they are written; convolutions, matrix
 * products and what lies between them (fused batch normalization with float32 statistics, ReLU,
 * pooling) are in bfloat16.
 */
const operationsInFloat32 = [
  'Add',
  'AddN',
  'AddV2',
  'Div',
  'Erf',
  'Exp',
  'Log',
  'Mean',
  'Mul',
  'Prod',
  'RealDiv',
  'Rsqrt',
  'Softmax',
  'Sqrt',
  'Square',
  'SquaredDifference',
  'Sub',
  'Sum',
];

/** TensorFlow reads it when it rewrites a function, at its first run. */
export function keepArithmeticInFloat32(): void {
  process.env['TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_INFERLIST_REMOVE'] = operationsInFloat32.join(',');
}

/**
 * Whether TensorFlow really computes products in bfloat16 when told so; it ignores the request
 * where the processor or the build cannot. A product of 1 + 2⁻¹⁰, which bfloat16 rounds to 1,
 * shows it.
 */
export function supportsBfloat16(compiler: Compiler, operations: StepOperations): boolean {
  // bfloat16 here is oneDNN's, the CPU's library.
  if (compiler.device !== 'cpu') return false;
  const size = 16;
  const step = compileStep(
    compiler,
    {
      name: 'bfloat16Probe',
      inputs: { x: { shape: [size, size], dtype: 'float32' } },
      // TensorFlow leaves graphs of fewer than four nodes as they are.
      body: ({ x }) => {
        const product = matMul(mul(x as Tensor2D, 1), x as Tensor2D);
        return { product: add(matMul(product, x as Tensor2D), 0) };
      },
      mode: 'compiled',
      operations: 'composed',
      precision: 'bfloat16',
    },
    operations,
  );
  const value = 1 + 2 ** -10;
  const x = tensor2d(new Float32Array(size * size).fill(value), [size, size]);
  try {
    const results = step.run({ x });
    const product = results['product']?.dataSync()[0] ?? 0;
    dispose(results);
    return Math.abs(product - size * size * value ** 3) > 0.1;
  } finally {
    x.dispose();
    step.dispose();
  }
}
