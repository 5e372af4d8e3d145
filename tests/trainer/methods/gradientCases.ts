import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conv2d, grads, keep, matMul, type Tensor, type Tensor2D, type Tensor4D } from '@tensorflow/tfjs-core';
import type { LinearLayer } from '#shared/domain/architecture.ts';
import { methods, methodSchema, type MethodId } from '#shared/domain/methods/index.ts';
import type { StepBody, TensorRecord } from '#trainer/engines/engine.ts';
import { createLayerMethod } from '#trainer/methods/index.ts';
import type { LayerInputs, LayerMethod } from '#trainer/methods/method.ts';
import { createNone } from '#trainer/methods/none.ts';
import { createRandomSource } from '#trainer/randomSource.ts';
import { standardizeKernel } from '#trainer/methods/weightStandardization.ts';
import type { InputValues } from '../../conformance/stepTools.ts';

interface Array64 {
  shape: number[];
  data: number[];
}

export interface GradientCase {
  name: string;
  normalizer: string;
  mode: 'train' | 'eval';
  weight?: 'plain' | 'weightNorm' | 'standardized';
  options: Record<string, unknown>;
  inputs: Record<string, Array64>;
  upstream: Array64;
  output: Array64;
  gradients: Record<string, Array64>;
  stateBefore?: Record<string, Array64>;
  stateAfter?: Record<string, Array64>;
  float32Tolerance: number;
}

export interface ZetaCase {
  noise: 'imageLevel' | 'paperM' | 'paperMHW';
  targetBatchSize: number;
  epsilon: number;
  x: Array64;
  gamma: number[];
  beta: number[];
  zeta: number[];
  /** Variances of a batch's mean and deviation in units of σ_P. */
  v_mu: number[];
  v_sigma: number[];
  /** Σ ζγ². */
  penalty: number;
}

/** Float64 values of a program in PyTorch with its own automatic gradients, where they are there. */
const file = join(
  process.env['NORMLAB_PARITY'] ?? join(import.meta.dirname, '../../../../shared/parity'),
  'gradients.json',
);
export const hasGradientCases = existsSync(file);
export const { cases, zetaCases }: { cases: GradientCase[]; zetaCases: ZetaCase[] } = hasGradientCases
  ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: GradientCase[]; zetaCases: ZetaCase[] })
  : { cases: [], zetaCases: [] };

const combined: Record<string, MethodId> = {
  'weightNorm affine': 'weightNorm',
  'weightNorm meanOnlyBatchNorm': 'weightNormMeanOnlyBatchNorm',
  'weightNorm varianceOnlyBatchNorm': 'weightNormVarianceOnlyBatchNorm',
  'standardized groupNorm': 'weightStandardization',
};

/** The product's computation of a case. */
function computationOf({ normalizer, weight = 'plain', options, inputs, output }: GradientCase): LayerMethod {
  const { shape } = output;
  const own = { name: 'layer', channels: shape.at(-1) ?? 0, normalizable: true };
  const activation = 'tau' in inputs ? 'relu' : 'none';
  const layer: LinearLayer =
    shape.length === 4
      ? { ...own, type: 'convolution', kernelSize: 3, stride: 1, padding: 'same', activation }
      : { ...own, type: 'dense', activation };
  const kernelShape = (inputs['kernel'] ?? inputs['direction'])?.shape ?? [];
  const methodLayer = { layer, kernelShape, fanIn: 1 };
  if (weight === 'standardized' && normalizer === 'none') {
    const plain = createNone(methodLayer);
    const forward = (given: LayerInputs): Tensor =>
      plain.forwardEvaluation({
        ...given,
        linear: (kernel) => given.linear(standardizeKernel(kernel, Number(options['epsilon']))),
      });
    return { ...plain, forwardEvaluation: forward, forwardTraining: (given) => ({ output: forward(given) }) };
  }
  const id = combined[`${weight} ${normalizer}`] ?? (normalizer as MethodId);
  const fields = Object.keys(methods[id].schema.shape);
  const settings = Object.fromEntries(Object.entries(options).filter(([name]) => fields.includes(name)));
  return createLayerMethod(methodSchema.parse({ id, ...settings }), methodLayer);
}

export function stepInputs({ inputs, upstream, stateBefore = {} }: GradientCase): Record<string, InputValues> {
  const given = (record: Record<string, Array64>, prefix: string): [string, InputValues][] =>
    Object.entries(record).map(([name, { shape, data }]) => [prefix + name, { shape, values: data }]);
  return Object.fromEntries([
    ...given(inputs, 'input/'),
    ...given(stateBefore, 'state/'),
    ...given({ upstream }, ''),
    // Where a case begins behind the linear map, its input is what the map gives.
    ...('kernel' in inputs || 'direction' in inputs ? [] : given({ kernel: { shape: [1], data: [0] } }, 'unused/')),
  ]);
}

/** `output`, `state/<name>` after a training pass, and `gradient/<name>` of sum(output·upstream). */
export function stepBody(fixture: GradientCase): StepBody {
  const computation = computationOf(fixture);
  const names = Object.keys(fixture.inputs);
  const isLinear = 'kernel' in fixture.inputs || 'direction' in fixture.inputs;
  return (given, operations) => {
    const statistics: TensorRecord = Object.fromEntries(
      Object.keys(fixture.stateBefore ?? {}).map((name) => [name, given[`state/${name}`] as Tensor]),
    );
    const forward = (...values: Tensor[]) => {
      const { x, ...parameters } = Object.fromEntries(names.map((name, index) => [name, values[index] as Tensor]));
      const inputs: LayerInputs = {
        linear: (kernel) => {
          if (!isLinear) return x as Tensor;
          return x?.rank === 4
            ? conv2d(x as Tensor4D, kernel as Tensor4D, 1, 'same')
            : matMul(x as Tensor2D, kernel as Tensor2D);
        },
        parameters: isLinear ? parameters : { ...parameters, kernel: given['unused/kernel'] as Tensor },
        statistics,
        operations,
        random: createRandomSource(undefined, operations, 'layer'),
      };
      return fixture.mode === 'train'
        ? computation.forwardTraining(inputs)
        : { output: computation.forwardEvaluation(inputs) };
    };
    const values = names.map((name) => given[`input/${name}`] as Tensor);
    const after: TensorRecord = {};
    const gradients = grads((...args) => {
      const result = forward(...args);
      after['output'] = keep(result.output);
      for (const [name, value] of Object.entries(result.statistics ?? {})) after[`state/${name}`] = keep(value);
      return result.output;
    })(values, given['upstream']);
    return {
      ...after,
      ...Object.fromEntries(names.map((name, index) => [`gradient/${name}`, gradients[index] as Tensor])),
    };
  };
}
