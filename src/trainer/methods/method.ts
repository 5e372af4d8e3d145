import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { LinearLayer } from '#shared/domain/architecture.ts';
import type { StepOperations, TensorRecord } from '../engines/engine.ts';

/** How a variable starts. */
export type InitialValue =
  | { kind: 'constant'; value: number }
  /** N(0, 2/fanIn), drawn by seed and the variable's name (He et al. 2015). */
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
}

export interface LayerTrainingResult {
  /** What goes into the activation. */
  output: Tensor;
  /** New value of each of the method's statistics; carries no gradient. */
  statistics: TensorRecord;
}

/**
 * The computation of one method at one layer, from kernel to what goes into the activation. It owns
 * the layer's variables, the kernel too, so that a method may put something else in its place.
 * Everything runs inside a step body: see there for what it must not do.
 */
export interface LayerMethod {
  variables: LayerVariables;
  forwardTraining(inputs: LayerInputs): LayerTrainingResult;
  forwardEvaluation(inputs: LayerInputs): Tensor;
  /** Scalars worth a curve: a series `<name>/<layer>` a step, of the parameters before its update. */
  logs(parameters: TensorRecord): Record<string, Scalar>;
}
