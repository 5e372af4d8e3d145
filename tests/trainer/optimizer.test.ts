import { tensor, type Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageShape, NetworkLayer } from '#shared/domain/architecture.ts';
import type { Engine, StepDefinition, TensorRecord } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { createNetwork } from '#trainer/network.ts';
import { createOptimizer, type UpdateRule } from '#trainer/optimizer.ts';
import { createInitialState, readState, uploadState } from '#trainer/state.ts';
import { statePrefixes } from '#trainer/steps/inputs.ts';
import { createTrainingStep } from '#trainer/steps/training.ts';
import { addPrefix, disposeAll, selectByPrefix, toScalars } from '#trainer/tensors.ts';
import { expectClose, stepVariants, variantTitle, type StepVariant } from '../conformance/stepTools.ts';
import { testEngines } from '../engines.ts';

const weights = [1, -2, 0.5];
const gradients = [
  [2, 1, -0.25],
  [-1, 0.5, 0],
  [0.5, -3, 1e-3],
  [4, 0.125, -1e-3],
];
const rates = [0.1, 0.05, 0.2, 0.1];

/** Weights and memory after four updates by optimizerReference.py, in float64. */
const references: { rule: UpdateRule; weights: number[]; slots: Record<string, number[]> }[] = [
  {
    rule: { id: 'sgd', momentum: 0.9, weightDecay: 0 },
    weights: [0.006199999999999872, -1.6778999999999997, 0.594785],
    slots: { momentum: [5.098000000000001, -1.441, -0.18235] },
  },
  {
    rule: { id: 'sgd', momentum: 0, weightDecay: 0 },
    weights: [0.3500000000000001, -1.5374999999999999, 0.5249],
    slots: { momentum: [4.0, 0.125, -0.001] },
  },
  {
    rule: { id: 'sgd', momentum: 0.5, weightDecay: 0.1 },
    weights: [0.21628645999999996, -1.3953199200000004, 0.51002448],
    slots: { momentum: [4.386925400000001, -1.4618808, 0.0652752] },
  },
  {
    rule: { id: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    weights: [0.7543081276564656, -2.051012101839926, 0.7790323847006291],
    slots: {
      firstMoment: [0.5097999999999999, -0.14409999999999995, -0.018234999999999998],
      secondMoment: [0.021235762996000017, 0.01025312824900001, 6.231468643750006e-5],
    },
  },
  {
    rule: { id: 'adam', beta1: 0.5, beta2: 0.75, epsilon: 0.1, weightDecay: 0.2 },
    weights: [0.6964439631052035, -1.782267569397015, 0.5771672797641676],
    slots: { firstMoment: [2.125, -0.5625, -0.015875], secondMoment: [4.609375, 1.83203125, 0.0065922343750000004] },
  },
];

const title = (rule: UpdateRule): string => JSON.stringify(rule);

for (const { name, location } of testEngines) {
  describe.runIf(location)(`on ${name}${location === null ? ' (not on this machine)' : ''}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      if (location) engine = await openEngine(location);
    });
    afterAll(() => engine.dispose());
    // What cannot be compiled or fused would only repeat the first.
    const variants = name === 'javascript' ? stepVariants.slice(0, 1) : stepVariants;

    it.each(references.map((reference) => [title(reference.rule), reference] as const))('%s', (_title, reference) => {
      for (const variant of variants) {
        const { parameter, slots } = updateFourTimes(engine, variant, reference.rule);
        expectClose(parameter, reference.weights, 1e-6);
        expect(Object.keys(slots), variantTitle(variant)).toEqual(Object.keys(reference.slots));
        for (const [slot, values] of Object.entries(reference.slots)) expectClose(slots[slot], values, 1e-6);
      }
      expect(engine.memory().tensorCount).toBe(0);
    });

    it('decays kernels and directions, but no γ, β and bias', () => {
      const [rate, weightDecay] = [0.5, 0.25];
      for (const rule of [
        (decay: number): UpdateRule => ({ id: 'sgd', momentum: 0, weightDecay: decay }),
        (decay: number): UpdateRule => ({ id: 'adam', beta1: 0.9, beta2: 0.9, epsilon: 1e-3, weightDecay: decay }),
      ]) {
        for (const method of ['batchNorm', 'weightNorm'] as const) {
          const [without, decayed] = [0, weightDecay].map((decay) => trainOnce(engine, method, rule(decay), rate));
          for (const [parameter, { before, after }] of Object.entries(without ?? {})) {
            const share = /\/(kernel|direction)$/.test(parameter) ? rate * weightDecay : 0;
            const expected = after.map((value, index) => value - share * (before[index] ?? NaN));
            expectClose(decayed?.[parameter]?.after, expected, 1e-5);
          }
        }
      }
    });
  });
}

/** One compiled step for all four updates: nothing of the first may be frozen into it. */
function updateFourTimes(
  engine: Engine,
  variant: StepVariant,
  rule: UpdateRule,
): { parameter: number[]; slots: Record<string, number[]> } {
  const optimizer = createOptimizer(rule);
  const vector: StepDefinition['inputs'][string] = { shape: [3], dtype: 'float32' };
  const step = engine.createStep({
    name: 'update',
    inputs: {
      w: vector,
      gradient: vector,
      ...Object.fromEntries(optimizer.slots.map((slot) => [`slots/${slot}/w`, vector])),
      ...Object.fromEntries(optimizer.scalarNames.map((scalar) => [scalar, { shape: [], dtype: 'float32' as const }])),
    },
    body({ w, gradient, ...inputs }) {
      const updated = optimizer.update(
        { parameters: { w: w as Tensor }, slots: selectByPrefix(inputs, 'slots/') },
        { w: gradient as Tensor },
        inputs,
        () => true,
      );
      return { ...updated.parameters, ...addPrefix(updated.slots, 'slots/') };
    },
    precision: 'float32',
    ...variant,
  });
  let state: TensorRecord = { w: tensor(weights) };
  for (const slot of optimizer.slots) state[`slots/${slot}/w`] = tensor([0, 0, 0]);
  gradients.forEach((values, index) => {
    const gradient = { gradient: tensor(values) };
    const scalars = toScalars(optimizer.scalars(index, rates[index] ?? NaN));
    const next = step.run({ ...state, ...gradient, ...scalars });
    for (const record of [state, gradient, scalars]) disposeAll(record);
    state = next;
  });
  const read = (name: string): number[] => Array.from(state[name]?.dataSync() ?? []);
  const result = {
    parameter: read('w'),
    slots: Object.fromEntries(optimizer.slots.map((slot) => [slot, read(`slots/${slot}/w`)])),
  };
  disposeAll(state);
  step.dispose();
  return result;
}

const image: ImageShape = [2, 2, 1];
const layers: NetworkLayer[] = [
  { type: 'flatten' },
  { type: 'dense', name: 'fc1', channels: 3, normalizable: true, activation: 'relu' },
  { type: 'dense', name: 'fc2', channels: 2, normalizable: false, activation: 'none' },
];

/** Every parameter before and after one training step. */
function trainOnce(
  engine: Engine,
  id: 'batchNorm' | 'weightNorm',
  rule: UpdateRule,
  rate: number,
): Record<string, { before: number[]; after: number[] }> {
  const method =
    id === 'batchNorm'
      ? { id, epsilon: 1e-5, runningMomentum: 0.9 }
      : { id, gammaDecay: 0, dataDependentInitialization: false };
  const network = createNetwork(layers, image, method, 'all');
  const optimizer = createOptimizer(rule);
  const initial = createInitialState(network, 7, optimizer);
  const step = createTrainingStep(engine, network, image, 3, optimizer, {
    mode: 'compiled',
    operations: 'composed',
    precision: 'float32',
  });
  const inputs = {
    ...uploadState(initial),
    images: tensor([1, 0, -1, 2, 0.5, 1, 1, -2, -1, 1, 0, 3], [3, ...image]),
    labels: tensor([0, 1, 1], [3], 'int32'),
    ...toScalars(optimizer.scalars(0, rate)),
  };
  const results = step.run(inputs);
  const before = selectByPrefix(initial, statePrefixes.parameters);
  const after = readState(selectByPrefix(results, statePrefixes.parameters));
  disposeAll(inputs);
  disposeAll(results);
  step.dispose();
  return Object.fromEntries(
    Object.entries(before).map(([name, { values }]) => [
      name,
      { before: Array.from(values), after: Array.from(after[name]?.values ?? []) },
    ]),
  );
}
