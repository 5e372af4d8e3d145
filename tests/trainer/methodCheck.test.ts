import { mul, scalar } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { methodVerification } from '#shared/domain/methodVerification.ts';
import { methodIds } from '#shared/domain/methods/index.ts';
import type { MethodCheck } from '#shared/protocol.ts';
import type { Engine, Step, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { checkMethods } from '#trainer/methodCheck.ts';
import { bestEngine } from '../engines.ts';

describe('the cases', () => {
  it('hold every method', () => {
    expect(new Set(methodVerification.cases.map(({ method }) => method.id))).toEqual(new Set(methodIds));
  });
});

describe('checkMethods', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(bestEngine);
  });
  afterAll(() => engine.dispose());

  const check = async (methods: readonly string[] | null, on = engine): Promise<MethodCheck[]> =>
    checkMethods({ methods: methods && [...methods] }, on, () => undefined);

  const held = [
    'populationNorm',
    'populationNormGammaDecay, the paper’s noise',
    'populationNormGammaDecay',
    'batchRenorm',
    'noiseSeparatedBatchNorm, noise of the mean',
    'noiseSeparatedBatchNorm, noise of the deviation',
  ];

  it.each(methodIds)(
    'finds %s right, by the derivative of its loss with its constants held, and keeps no tensor',
    async (id) => {
      const checks = await check([id]);
      expect(checks.filter(({ ok }) => !ok)).toEqual([]);
      for (const { method, variant, derivativeOf } of checks) {
        const name = variant === null ? method : `${method}, ${variant}`;
        expect(derivativeOf, name).toBe(held.includes(name) ? 'lossWithConstants' : 'loss');
      }
      expect(engine.memory().tensorCount).toBe(0);
    },
  );

  /** The engine with one of its steps computing something else, by its name. */
  const spoiled = (stepName: string, spoil: (results: TensorRecord, run: number) => TensorRecord): Engine => ({
    ...engine,
    createStep(definition): Step {
      const step = engine.createStep(definition);
      if (definition.name !== stepName) return step;
      let runs = 0;
      return { run: (inputs) => spoil(step.run(inputs), runs++), dispose: () => step.dispose() };
    },
  });
  const scaled = (results: TensorRecord, name: string, factor: number): TensorRecord => {
    const value = results[name];
    if (!value) throw new Error(`no ${name} among ${Object.keys(results).join(', ')}`);
    const changed = mul(value, scalar(factor));
    value.dispose();
    return { ...results, [name]: changed };
  };

  it('notices a gradient that is two thousandths too large', async () => {
    for (const method of ['batchNorm', 'batchRenorm']) {
      const [found] = await check(
        [method],
        spoiled('gradientStep', (results) => scaled(results, 'gradients/conv1/kernel', 1.002)),
      );
      expect(found?.ok).toBe(false);
      for (const { gradientError, worstParameter, lossError } of found?.executions ?? []) {
        expect(worstParameter).toBe('conv1/kernel');
        expect(gradientError).toBeGreaterThan(methodVerification.gradientTolerance);
        expect(lossError).toBeLessThan(methodVerification.lossTolerance);
      }
    }
  });

  it('notices a wrong loss, a loss that is no number, and bits that change', async () => {
    const [wrong] = await check(
      ['none'],
      spoiled('trainingStep', (results) => scaled(results, 'loss', 1.0001)),
    );
    expect(wrong).toMatchObject({ ok: false, problem: null });
    expect(wrong?.executions[0]?.sameBits).toBe(true);
    const [none] = await check(
      ['none'],
      spoiled('trainingStep', (results) => scaled(results, 'loss', NaN)),
    );
    expect(none).toMatchObject({ ok: false, problem: null });
    expect(none?.executions[0]?.lossError).toBe(null);
    const [unsteady] = await check(
      ['none'],
      spoiled('trainingStep', (results, run) => (run === 1 ? scaled(results, 'loss', 1 + 1e-6) : results)),
    );
    expect(unsteady?.executions.map(({ sameBits }) => sameBits)).not.toContain(true);
    expect(unsteady?.ok).toBe(false);
  });

  it('says how far it is', async () => {
    const told: [string, number, number][] = [];
    await checkMethods({ methods: ['none', 'layerNorm'] }, engine, ({ method }, done, total) =>
      told.push([method, done, total]),
    );
    expect(told).toEqual([
      ['none', 1, 2],
      ['layerNorm', 2, 2],
    ]);
  });

  it('says what failed, and refuses a method that is not there', async () => {
    const [failed] = await check(
      ['none'],
      spoiled('lossStep', () => {
        throw new Error('out of memory');
      }),
    );
    expect(failed).toMatchObject({ ok: false, problem: expect.stringMatching(/out of memory/) as string });
    await expect(check(['batchnorm'])).rejects.toMatchObject({ code: 'invalidArgument' });
  });
});
