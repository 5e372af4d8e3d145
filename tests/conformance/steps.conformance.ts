import {
  addN,
  argMax,
  cast,
  concat,
  dispose,
  equal,
  greater,
  keep,
  mean,
  mul,
  add,
  randomUniform,
  scalar,
  split,
  sum,
  tensor1d,
  tidy,
  type Tensor,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { LabError } from '#shared/errors.ts';
import type { Engine, StepBody, StepDefinition } from '#trainer/engines/engine.ts';
import { smallNetworkBody, smallNetworkInputs, startSmallTraining } from './smallNetwork.ts';
import {
  expectClose,
  input,
  runOnce,
  specificationsOf,
  stepVariants,
  toTensors,
  variantTitle,
  type StepVariant,
} from './stepTools.ts';

/** The contract of `Engine.createStep` and `Step`, in every variant. */
export function describeSteps(engine: () => Engine): void {
  const vector = { x: { shape: [3], values: [1, -2, 3] } };
  const createStep = (
    variant: StepVariant,
    body: StepBody,
    inputs: StepDefinition['inputs'],
  ): ReturnType<Engine['createStep']> =>
    engine().createStep({ name: 'contract', inputs, body, precision: 'float32', ...variant });

  describe.each(stepVariants.map((variant) => [variantTitle(variant), variant] as const))('%s', (_title, variant) => {
    it('computes what the eager composed step computes', () => {
      const expected = runOnce(
        engine(),
        { mode: 'eager', operations: 'composed' },
        smallNetworkInputs(),
        smallNetworkBody,
      );
      const actual = runOnce(engine(), variant, smallNetworkInputs(), smallNetworkBody);
      expect(Object.keys(actual)).toEqual(Object.keys(expected));
      for (const [name, values] of Object.entries(expected)) expectClose(actual[name], values, 1e-5);
    });

    it('lowers the loss of a small network, the same way each time', () => {
      const losses = [1, 2].map(() => {
        const training = startSmallTraining(engine(), { ...variant, precision: 'float32' });
        const series = Array.from({ length: 20 }, () => training.run());
        training.dispose();
        return series;
      });
      expect(losses[1]).toEqual(losses[0]);
      expect(losses[0]?.at(-1)).toBeLessThan(0.8 * Number(losses[0]?.[0]));
    });

    it('leaves its inputs as they are, and depends on them alone', () => {
      const tensors = toTensors(smallNetworkInputs());
      const step = createStep(variant, smallNetworkBody, specificationsOf(smallNetworkInputs()));
      const first = step.run(tensors);
      const second = step.run(tensors);
      for (const [name, tensor] of Object.entries(first)) {
        expect(second[name]?.dataSync()).toEqual(tensor.dataSync());
      }
      for (const [name, { values }] of Object.entries(smallNetworkInputs())) {
        expect(Array.from(input(tensors, name).dataSync())).toEqual(Array.from(values, Math.fround));
      }
      dispose([first, second, tensors]);
      step.dispose();
    });

    it('returns tensors of their own, also for an input, twice the same and a constant', () => {
      const step = createStep(
        variant,
        ({ x }) => {
          const doubled = mul(x as Tensor, 2);
          return { same: x as Tensor, doubled, again: doubled, kept: keep(add(doubled, 1)), constant: scalar(7) };
        },
        specificationsOf(vector),
      );
      const tensors = toTensors(vector);
      const results = step.run(tensors);
      const unique = new Set([...Object.values(results), ...Object.values(tensors)]);
      expect(unique.size).toBe(6);
      input(results, 'doubled').dispose();
      dispose(tensors);
      expect(Object.keys(results)).toEqual(['same', 'doubled', 'again', 'kept', 'constant']);
      expect(Array.from(input(results, 'same').dataSync())).toEqual([1, -2, 3]);
      expect(Array.from(input(results, 'again').dataSync())).toEqual([2, -4, 6]);
      expect(Array.from(input(results, 'kept').dataSync())).toEqual([3, -3, 7]);
      expect(Array.from(input(results, 'constant').dataSync())).toEqual([7]);
      dispose(results);
      step.dispose();
    });

    it('gives its results to the scope around it', () => {
      const step = createStep(variant, ({ x }) => ({ kept: keep(mul(x as Tensor, 2)) }), specificationsOf(vector));
      const tensors = toTensors(vector);
      const before = engine().memory().tensorCount;
      tidy(() => void step.run(tensors));
      expect(engine().memory().tensorCount).toBe(before);
      dispose(tensors);
      step.dispose();
    });

    it('takes and returns int32 and bool', () => {
      const results = runOnce(
        engine(),
        variant,
        {
          logits: { shape: [2, 3], values: [1, 5, 2, 9, 0, 3] },
          labels: { shape: [2], values: [1, 2], dtype: 'int32' },
          flags: { shape: [2], values: [1, 0], dtype: 'bool' },
        },
        ({ logits, labels, flags }) => ({
          predictions: argMax(logits as Tensor, 1),
          correct: sum(cast(equal(argMax(logits as Tensor, 1), labels as Tensor), 'int32')),
          large: greater(logits as Tensor, 2),
          flags: flags as Tensor,
        }),
      );
      expect(Object.fromEntries(Object.entries(results).map(([name, values]) => [name, Array.from(values)]))).toEqual({
        predictions: [1, 0],
        correct: [1],
        large: [0, 1, 0, 1, 0, 1],
        flags: [1, 0],
      });
    });

    it('runs operations that take or give lists', () => {
      const results = runOnce(
        engine(),
        variant,
        { x: { shape: [2, 4], values: [1, 2, 3, 4, 5, 6, 7, 8] } },
        ({ x }) => {
          const [left, right] = split(x as Tensor2D, 2, 1) as [Tensor2D, Tensor2D];
          return { swapped: concat([right, left], 1), total: addN([left, right, left]) };
        },
      );
      expectClose(results['swapped'], [3, 4, 1, 2, 7, 8, 5, 6]);
      expectClose(results['total'], [5, 8, 17, 20]);
    });

    it('frees everything but its results, run after run', () => {
      const training = startSmallTraining(engine(), { ...variant, precision: 'float32' });
      training.run();
      const { tensorCount, nativeHandleCount } = engine().memory();
      for (let step = 0; step < 25; step += 1) training.run();
      expect(engine().memory()).toMatchObject({ tensorCount, nativeHandleCount });
      training.dispose();
    });

    it('frees everything where its body fails', () => {
      const tensors = toTensors(vector);
      // Used once, since an engine may take a tensor's values over when they are first needed.
      mul(input(tensors, 'x'), 1).dispose();
      const before = engine().memory();
      const run = (): void => {
        const step = createStep(
          variant,
          ({ x }) => {
            keep(mul(x as Tensor, 2));
            throw new Error('half-way');
          },
          specificationsOf(vector),
        );
        step.run(tensors);
      };
      expect(run).toThrow('half-way');
      expect(engine().memory()).toMatchObject({
        tensorCount: before.tensorCount,
        nativeHandleCount: before.nativeHandleCount,
      });
      dispose(tensors);
    });

    it('says which input is missing or has the wrong shape', () => {
      const step = createStep(variant, ({ x }) => ({ y: mul(x as Tensor, 2) }), specificationsOf(vector));
      const wrong = tensor1d([1, 2]);
      expect(() => step.run({})).toThrow(/“contract” was run without its input “x”/);
      expect(() => step.run({ x: wrong })).toThrow(
        /input “x” of the step “contract” is float32 \[2\] instead of float32 \[3\]/,
      );
      wrong.dispose();
      step.dispose();
    });

    it('refuses a body that returns nothing, or draws random numbers', () => {
      const attempt = (body: StepBody): (() => void) => {
        return () => {
          const tensors = toTensors(vector);
          try {
            createStep(variant, body, specificationsOf(vector)).run(tensors);
          } finally {
            dispose(tensors);
          }
        };
      };
      expect(attempt(() => ({}))).toThrow(/has no results/);
      expect(attempt(({ x }) => ({ y: add(x as Tensor, randomUniform([3])) }))).toThrow(/draws random numbers/);
    });
  });

  it('runs a step as many times as asked after others were made and freed', () => {
    const first = startSmallTraining(engine(), { mode: 'compiled', operations: 'fused', precision: 'float32' });
    const expected = Array.from({ length: 3 }, () => first.run());
    first.dispose();
    first.step.dispose();
    const second = startSmallTraining(engine(), { mode: 'compiled', operations: 'fused', precision: 'float32' });
    expect(Array.from({ length: 3 }, () => second.run())).toEqual(expected);
    second.dispose();
  });

  it('refuses to compile a body that reads a value or uses a tensor from outside, where it compiles', () => {
    if (!engine().describe().capabilities.compiledSteps) {
      expect(engine().describe().kind).toBe('javascript');
      return;
    }
    const compile = (body: StepBody): (() => unknown) => {
      return () => createStep({ mode: 'compiled', operations: 'fused' }, body, specificationsOf(vector));
    };
    const fresh = scalar(2);
    const used = mul(fresh, 1);
    const { tensorCount } = engine().memory();
    expect(compile(({ x }) => ({ y: mul(x as Tensor, Number(mean(x as Tensor).dataSync()[0])) }))).toThrow(
      /“contract” reads a value/,
    );
    const pending = scalar(3);
    expect(compile(({ x }) => ({ y: mul(x as Tensor, used) }))).toThrow(/neither among its inputs nor made by it/);
    expect(compile(({ x }) => ({ y: mul(x as Tensor, pending) }))).toThrow(/neither among its inputs nor made by it/);
    // The tensors from outside are unharmed.
    expect([used.dataSync()[0], pending.dataSync()[0]]).toEqual([2, 3]);
    pending.dispose();
    expect(engine().memory().tensorCount).toBe(tensorCount);
    dispose([fresh, used]);
  });

  it('computes in bfloat16 where it says so, with float32 weights and statistics, and refuses elsewhere', () => {
    const execution = { mode: 'compiled', operations: 'fused', precision: 'bfloat16' } as const;
    if (!engine().describe().capabilities.precisions.includes('bfloat16')) {
      expect(() => startSmallTraining(engine(), execution)).toThrow(LabError);
      return;
    }
    const exact = startSmallTraining(engine(), { ...execution, precision: 'float32' });
    const rounded = startSmallTraining(engine(), execution);
    const exactLosses = Array.from({ length: 5 }, () => exact.run());
    const roundedLosses = Array.from({ length: 5 }, () => rounded.run());
    expect(roundedLosses).not.toEqual(exactLosses);
    roundedLosses.forEach((loss, index) => expect(Math.abs(loss - Number(exactLosses[index]))).toBeLessThan(0.1));
    for (const name of ['parameter/filter', 'velocity/filter', 'parameter/hidden', 'runningMean']) {
      const bits = new Uint32Array(Float32Array.from(rounded.read(name)).buffer);
      // A bfloat16 has no bits in the lower half of a float32.
      const withLowBits = bits.filter((value) => (value & 0xffff) !== 0).length;
      expect(withLowBits / bits.length).toBeGreaterThan(0.9);
    }
    exact.dispose();
    rounded.dispose();
  });
}
