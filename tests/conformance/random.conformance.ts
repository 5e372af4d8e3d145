import { add, tensor1d, type Tensor1D } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import type { Engine } from '#trainer/engines/engine.ts';
import { expectClose, input, runOnce, stepVariants, variantTitle } from './stepTools.ts';

/** TensorFlow 2.21 (CPU), StatelessRandomUniform and StatelessRandomNormal, seed [12, −34], shape [7]. */
const stored = {
  uniform: [
    0.19072604179382324, 0.46645259857177734, 0.8456772565841675, 0.10763466358184814, 0.8784209489822388,
    0.7084704637527466, 0.6695759296417236,
  ],
  normal: [
    0.38087591528892517, -1.780103325843811, 0.36239445209503174, 0.4515586793422699, -0.49193820357322693,
    -0.13136020302772522, -0.31759312748908997,
  ],
};

/** `StepOperations.randomUniform` and `randomNormal`: equal to the stored values, so on all engines to each other. */
export function describeRandomOperations(engine: () => Engine): void {
  const draw = (variant: (typeof stepVariants)[number], seed: [number, number], count = 7) =>
    runOnce(engine(), variant, { seed: { shape: [2], values: seed, dtype: 'int32' } }, (inputs, operations) => {
      const own = input(inputs, 'seed') as Tensor1D;
      return {
        uniform: operations.randomUniform([count], own),
        normal: operations.randomNormal([count], own),
        // A seed that the step itself makes of its input.
        next: operations.randomUniform([count], add(own, tensor1d([1, 1], 'int32'))),
      };
    });

  it.each(stepVariants.map((variant) => [variantTitle(variant), variant] as const))('%s', (_title, variant) => {
    const drawn = draw(variant, [12, -34]);
    expect(Array.from(drawn['uniform'] ?? [])).toEqual(stored.uniform);
    expectClose(drawn['normal'], stored.normal, 1e-6);
    expect(drawn['next']).toEqual(draw(variant, [13, -33])['uniform']);
    expect(drawn['next']).not.toEqual(drawn['uniform']);
  });

  it('is uniform, and standard normal, far into the stream', () => {
    const count = 40_000;
    const { uniform = [], normal = [] } = draw({ mode: 'eager', operations: 'composed' }, [1, 2], count);
    const moment = (values: ArrayLike<number>, order: number): number =>
      Array.from(values).reduce((sum, value) => sum + value ** order, 0) / count;
    // Four standard errors: √(1/12n), √(4/45n); √(1/n), √(2/n), √(96/n).
    expect(Math.abs(moment(uniform, 1) - 1 / 2)).toBeLessThan(0.006);
    expect(Math.abs(moment(uniform, 2) - 1 / 3)).toBeLessThan(0.006);
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    expect(Math.abs(moment(normal, 1))).toBeLessThan(0.02);
    expect(Math.abs(moment(normal, 2) - 1)).toBeLessThan(0.029);
    expect(Math.abs(moment(normal, 4) - 3)).toBeLessThan(0.196);
  });
}
