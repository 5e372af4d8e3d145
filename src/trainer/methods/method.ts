import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { LinearLayer } from '#shared/domain/architecture.ts';
import type { StepOperations, TensorRecord } from '../engines/engine.ts';
import type { RandomSource } from '../randomSource.ts';
import type { MeanAndDeviation } from './gammaDecay.ts';

/** How a variable starts. */
export type InitialValue =
  | { kind: 'constant'; value: number }
  /** A kernel or its direction: N(0, 2/fanIn), drawn by seed and the layer's name (He et al. 2015). */
  | { kind: 'heNormal'; fanIn: number };

/** A float32 tensor that training changes. */
export interface VariableDefinition {
  shape: readonly number[];
  initial: InitialValue;
}

/** A layer with weights, as the method that computes it sees it. */
export interface MethodLayer {
  layer: LinearLayer;
  /** [kernelSize, kernelSize, channelsIn, channelsOut] or [in, out]. */
  kernelShape: readonly number[];
  /** Inputs that one output value sums over. */
  fanIn: number;
}

export interface LayerVariables {
  /** Trained by gradient descent. */
  parameters: Record<string, VariableDefinition>;
  /** Kept by the method: running averages and the like. */
  statistics: Record<string, VariableDefinition>;
}

export interface LayerInputs {
  /** h: this layer's convolution or matrix product of its input with a kernel, without bias. */
  linear: (kernel: Tensor) => Tensor;
  /** By the names of `LayerVariables`. */
  parameters: TensorRecord;
  statistics: TensorRecord;
  operations: StepOperations;
  /** For methods that say so by `drawsRandomNumbers`; of training and population passes only. */
  random: RandomSource;
}

/** What a pass gives besides its output; what is absent stays as it was. Carries no gradient. */
export interface LayerResult {
  /** What goes into the activation, or comes out of it where the method `includesActivation`. */
  output: Tensor;
  /** New values of statistics. */
  statistics?: TensorRecord;
  /** New values of parameters; from `initialize` only. */
  parameters?: TensorRecord;
  /** From a population pass: the noise of batches, for `useFisherInformation`. */
  noise?: MeanAndDeviation;
}

/** Which images statistics are taken from, and when. */
export interface PopulationSettings {
  images: number;
  subset: 'fixed' | 'rotating';
  /** Steps between two refreshes. */
  refreshEvery: number;
}

export interface LayerPopulation {
  settings: PopulationSettings;
  /**
   * Takes the statistics `populationMean` and `populationVariance`, and what else it wants, from
   * images of the population and goes on with them, so that the next layer sees its input as training
   * will. Runs before training steps, without gradient.
   */
  forward(inputs: LayerInputs): LayerResult;
  /**
   * New values of statistics by the Fisher information of γ and β: F(β), F(γ) and the mean product of both
   * gradients, [C]. Where a method has this, γ and β in `forward` may be [n,1,1,C] or [n,C].
   * @param noise As `forward` gave it.
   */
  useFisherInformation?(noise: MeanAndDeviation, information: MeanAndDeviation): TensorRecord;
}

/**
 * The computation of one method at one layer, from kernel to what goes into the activation. It owns
 * the layer's variables, the kernel too, so that a method may put something else in its place.
 * Everything runs inside a step body: see there for what it must not do.
 */
export interface LayerMethod {
  variables: LayerVariables;
  /** True where the method has an activation of its own instead of the layer's. */
  includesActivation?: boolean;
  /** True where training draws random numbers. */
  drawsRandomNumbers?: boolean;
  forwardTraining(inputs: LayerInputs): LayerResult;
  forwardEvaluation(inputs: LayerInputs): Tensor;
  /** For methods whose statistics come from training images beyond the batch. */
  population?: LayerPopulation;
  /**
   * Sets parameters by a first batch and goes on with them; runs once, before the first step.
   */
  initialize?(inputs: LayerInputs): LayerResult;
  /** Added to the loss that is minimised, with gradient with respect to parameters only. */
  penalty?(parameters: TensorRecord, statistics: TensorRecord): Scalar;
  /** Scalars worth a curve: a series `<name>/<layer>` a step, of the parameters before its update. */
  logs(parameters: TensorRecord, statistics: TensorRecord): Record<string, Scalar>;
}
