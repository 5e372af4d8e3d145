import { add, div, mul, sqrt, square, sub, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import type { OptimizerSettings } from '#shared/domain/optimizer.ts';
import type { TensorRecord } from './engines/engine.ts';
import { requireTensor } from './tensors.ts';

type SettingsOf<Id extends OptimizerSettings['id']> = Extract<OptimizerSettings, { id: Id }>;

/** What of an optimizer's settings its update needs; the learning rate comes with each step. */
export type UpdateRule =
  | Pick<SettingsOf<'sgd'>, 'id' | 'momentum' | 'weightDecay'>
  | Pick<SettingsOf<'adam'>, 'id' | 'beta1' | 'beta2' | 'epsilon' | 'weightDecay'>;

export interface OptimizerState {
  parameters: TensorRecord;
  /** Named `<slot>/<parameter>`. */
  slots: TensorRecord;
}

export interface Optimizer {
  /** Names of its memory: for each slot one tensor shaped like each parameter, first 0. */
  slots: readonly string[];
  /**
   * The scalars of step t (from 0), inputs of the step: what changes from step to step must not
   * freeze into a compiled one.
   */
  scalars(step: number, learningRate: number): Record<string, number>;
  /** Names of `scalars`. */
  scalarNames: readonly string[];
  /**
   * Pure: returns new tensors.
   * @param scalars By the names of `scalarNames`.
   * @param decays Whether weight decay is for a parameter: kernels and directions, not γ, β and biases.
   */
  update(
    state: OptimizerState,
    gradients: TensorRecord,
    scalars: TensorRecord,
    decays: (parameter: string) => boolean,
  ): OptimizerState;
}

/** The optimizer of a run; its update runs inside a step body. */
export function createOptimizer(rule: UpdateRule): Optimizer {
  return rule.id === 'sgd' ? createSgd(rule) : createAdam(rule);
}

/** Runs a rule for each parameter. */
function updateEach(
  { parameters, slots }: OptimizerState,
  gradients: TensorRecord,
  slotNames: readonly string[],
  rule: (given: { name: string; parameter: Tensor; gradient: Tensor; slots: Tensor[] }) => {
    parameter: Tensor;
    slots: Tensor[];
  },
): OptimizerState {
  const updated: OptimizerState = { parameters: {}, slots: {} };
  for (const [name, parameter] of Object.entries(parameters)) {
    const result = rule({
      name,
      parameter,
      gradient: requireTensor(gradients, name),
      slots: slotNames.map((slot) => requireTensor(slots, `${slot}/${name}`)),
    });
    updated.parameters[name] = result.parameter;
    result.slots.forEach((value, index) => (updated.slots[`${slotNames[index]}/${name}`] = value));
  }
  return updated;
}

/**
 * Stochastic gradient descent with momentum: v ← m·v + g, w ← w − lr·v; v starts at 0. Weight decay λ
 * is L2 regularization, g = ∇loss + λw, and goes through the momentum.
 */
function createSgd({ momentum, weightDecay }: Extract<UpdateRule, { id: 'sgd' }>): Optimizer {
  const slotNames = ['momentum'];
  return {
    slots: slotNames,
    scalars: (_step, learningRate) => ({ learningRate }),
    scalarNames: ['learningRate'],
    update(state, gradients, scalars, decays) {
      const learningRate = requireTensor(scalars, 'learningRate') as Scalar;
      return updateEach(state, gradients, slotNames, ({ name, parameter, gradient, slots: [velocity] }) => {
        const isDecayed = weightDecay > 0 && decays(name);
        const total = isDecayed ? add(gradient, mul(parameter, weightDecay)) : gradient;
        const next = add(mul(velocity as Tensor, momentum), total);
        return { parameter: sub(parameter, mul(next, learningRate)), slots: [next] };
      });
    },
  };
}

/**
 * Adam: m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², w ← w − lr·(m/(1 − β₁ᵗ))/(√(s/(1 − β₂ᵗ)) + ϵ) at the
 * t-th update (from 1); m and s start at 0. Weight decay λ is decoupled, w ← w − lr·λw beside that.
 * Source: Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019 (AdamW).
 */
function createAdam({ beta1, beta2, epsilon, weightDecay }: Extract<UpdateRule, { id: 'adam' }>): Optimizer {
  const slotNames = ['firstMoment', 'secondMoment'];
  const scalarNames = ['learningRate', 'firstMomentCorrection', 'secondMomentCorrection'];
  return {
    slots: slotNames,
    // In float64: 1 − β₂ᵗ would lose digits in float32.
    scalars: (step, learningRate) => ({
      learningRate,
      firstMomentCorrection: 1 / (1 - beta1 ** (step + 1)),
      secondMomentCorrection: 1 / (1 - beta2 ** (step + 1)),
    }),
    scalarNames,
    update(state, gradients, scalars, decays) {
      const [learningRate, firstCorrection, secondCorrection] = scalarNames.map((name) =>
        requireTensor(scalars, name),
      ) as [Tensor, Tensor, Tensor];
      return updateEach(state, gradients, slotNames, ({ name, parameter, gradient, slots: [first, second] }) => {
        const mean = add(mul(first as Tensor, beta1), mul(gradient, 1 - beta1));
        const meanSquare = add(mul(second as Tensor, beta2), mul(square(gradient), 1 - beta2));
        const scaled = div(mul(mean, firstCorrection), add(sqrt(mul(meanSquare, secondCorrection)), epsilon));
        const direction = weightDecay > 0 && decays(name) ? add(scaled, mul(parameter, weightDecay)) : scaled;
        return { parameter: sub(parameter, mul(direction, learningRate)), slots: [mean, meanSquare] };
      });
    },
  };
}
