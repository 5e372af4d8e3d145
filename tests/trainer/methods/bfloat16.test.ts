import { add, conv2d, matMul, mul, type Tensor, type Tensor2D, type Tensor4D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LinearLayer } from '#shared/domain/architecture.ts';
import { methodIds, methods, methodSchema, type MethodId } from '#shared/domain/methods/index.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import type { Engine, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { createLayerMethod } from '#trainer/methods/index.ts';
import type { LayerInputs } from '#trainer/methods/method.ts';
import { createRandomSource } from '#trainer/randomSource.ts';
import { input, runOnce, type InputValues } from '../../conformance/stepTools.ts';
import { testEngines } from '../../engines.ts';

const channels = 4;
const shape = [32, 8, 8, channels];
const layer: LinearLayer = {
  type: 'convolution',
  name: 'conv1',
  kernelSize: 1,
  channels,
  stride: 1,
  padding: 'same',
  normalizable: true,
  activation: 'relu',
};
const random = createRandomStream(4, 'bfloat16');
/** Integers from 90 to 109 in the first channel, from 0 to 19 in the others. */
const pixels = Float32Array.from(
  { length: 32 * 8 * 8 * channels },
  (_, index) => random.integer(20) + (index % channels === 0 ? 90 : 0),
);
/**
 * [in, out], every column of mean 0 and variance 1: all products, also with weights that are normalized or
 * standardized, are multiples of ½ below 128, which bfloat16 holds exactly.
 */
const signs = Float32Array.of(1, 1, 1, -1, 1, -1, -1, 1, -1, 1, -1, 1, -1, -1, 1, -1);
/** What bfloat16 rounds to 1. */
const aboveOne = 1 + 2 ** -10;

const settings: Partial<Record<MethodId, Record<string, unknown>>> = {
  groupNorm: { groups: 2 },
  weightStandardization: { groups: 2 },
  ghostBatchNorm: { ghostSize: 8 },
};

const location = testEngines.find(({ name }) => name === 'tensorflow')?.location ?? null;

describe.runIf(location)(`statistics with bfloat16${location ? '' : ' (no TensorFlow on this machine)'}`, () => {
  let engine: Engine;
  let isSupported = false;
  beforeAll(async () => {
    if (!location) return;
    engine = await openEngine(location);
    isSupported = engine.describe().capabilities.precisions.includes('bfloat16');
  });
  afterAll(() => engine.dispose());

  /** Statistics after training and of a population, and what training gives; `probe` shows the precision. */
  function run(id: MethodId, precision: 'float32' | 'bfloat16'): Record<string, Float32Array> {
    const computation = createLayerMethod(methodSchema.parse({ id, ...settings[id] }), {
      layer,
      kernelShape: [1, 1, channels, channels],
      fanIn: channels,
    });
    const { parameters, statistics } = computation.variables;
    const variables = Object.entries({ ...parameters, ...statistics }).map(
      ([name, variable]): [string, InputValues] => {
        const size = variable.shape.reduce((product, length) => product * length, 1);
        const values =
          variable.initial.kind === 'constant' ? new Float32Array(size).fill(variable.initial.value) : signs;
        return [name, { shape: [...variable.shape], values }];
      },
    );
    const given: Record<string, InputValues> = {
      images: { shape, values: pixels },
      randomSeed: { shape: [2], values: [1, 2], dtype: 'int32' },
      probe: { shape: [16, 16], values: new Float32Array(256).fill(aboveOne) },
      ...Object.fromEntries(variables),
    };
    return runOnce(engine, { mode: 'compiled', operations: 'fused', precision }, given, (inputs, operations) => {
      const pick = (names: object): TensorRecord =>
        Object.fromEntries(Object.keys(names).map((name) => [name, input(inputs, name)]));
      const layerInputs: LayerInputs = {
        linear: (kernel: Tensor) => conv2d(input(inputs, 'images') as Tensor4D, kernel as Tensor4D, 1, 'same'),
        parameters: pick(parameters),
        statistics: pick(statistics),
        operations,
        random: createRandomSource(input(inputs, 'randomSeed') as never, operations, 'conv1'),
      };
      const probe = input(inputs, 'probe') as Tensor2D;
      const training = computation.forwardTraining(layerInputs);
      const population = computation.population?.forward(layerInputs);
      return {
        probe: add(matMul(mul(probe, 1), probe), 0),
        output: training.output,
        ...training.statistics,
        ...population?.statistics,
      };
    });
  }

  const normalizing = methodIds.filter((id) => methods[id].normalizes);
  it.for(normalizing)('of %s are those of float32', (id, { skip }) => {
    skip(!isSupported, 'this processor does not compute in bfloat16');
    const exact = run(id, 'float32');
    const rounded = run(id, 'bfloat16');
    // Products really are in bfloat16: 16·(1 + 2⁻¹⁰)² becomes 16.
    expect(exact['probe']?.[0]).toBeCloseTo(16 * aboveOne ** 2, 4);
    expect(rounded['probe']?.[0]).toBe(16);
    const names = Object.keys(exact).filter((name) => name !== 'probe');
    // Where there are statistics, the output may be of fused batch normalization, which gives bfloat16.
    const compared = names.length > 1 ? names.filter((name) => name !== 'output') : names;
    for (const name of compared) {
      exact[name]?.forEach((value, index) => {
        const error = Math.abs((rounded[name]?.[index] ?? NaN) - value) / Math.max(1, Math.abs(value));
        // bfloat16 would be 2⁻⁹ off, and sums of 2048 such values far more.
        expect(error, `${name}[${index}]`).toBeLessThan(2e-5);
      });
    }
  });
});
