import { fill, matMul, ones, type Tensor2D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabError, toLabErrorData } from '#shared/errors.ts';
import type { Engine, StepBody, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { testEngines } from '../../../engines.ts';

const location = testEngines.find(({ name }) => name === 'tensorflow')?.location;

describe.runIf(location)('failures of TensorFlow, where it is on this machine', () => {
  let engine: Engine;

  beforeAll(async () => {
    if (location) engine = await openEngine(location);
  });
  afterAll(() => engine.dispose());

  function failureOf(mode: 'eager' | 'compiled', body: StepBody, inputs: TensorRecord): LabError {
    const { tensorCount } = engine.memory();
    try {
      const step = engine.createStep({
        name: 'failing',
        inputs: Object.fromEntries(
          Object.entries(inputs).map(([name, { shape, dtype }]) => [name, { shape, dtype: dtype as 'float32' }]),
        ),
        body,
        mode,
        operations: 'fused',
        precision: 'float32',
      });
      try {
        step.run(inputs);
      } finally {
        step.dispose();
      }
    } catch (error) {
      expect(engine.memory().tensorCount).toBe(tensorCount);
      if (error instanceof LabError) return error;
      throw error;
    }
    throw new Error('the step ran');
  }

  it.each(['eager', 'compiled'] as const)(
    'an operation that fails (%s): names it and keeps what TensorFlow said',
    (mode) => {
      const labels = fill([2], 7, 'int32');
      const logits = ones([2, 3]);
      const error = failureOf(
        mode,
        ({ logits, labels }, operations) => ({
          loss: operations.softmaxCrossEntropy(logits as Tensor2D, labels as never),
        }),
        { logits, labels },
      );
      expect(error.code).toBe('engineFailed');
      expect(error.message).toMatch(/^TensorFlow failed in (SparseSoftmaxCrossEntropyWithLogits|failing_\d+): /);
      expect(error.message).toContain('label');
      expect(toLabErrorData(error).cause).toContain('outside the valid range');
      logits.dispose();
      labels.dispose();
    },
  );

  it('goes on after a failure', () => {
    const two = ones([2, 2]);
    const product = matMul(two as Tensor2D, two as Tensor2D);
    expect(Array.from(product.dataSync())).toEqual([2, 2, 2, 2]);
    two.dispose();
    product.dispose();
  });
});
