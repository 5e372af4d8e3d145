import type { DataType, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { EngineDescription } from '#shared/protocol.ts';

/** Named tensors: the parameters, slots, statistics and batch of a step, or its results. */
export type TensorRecord = Record<string, Tensor>;

export interface TensorSpecification {
  shape: readonly number[];
  dtype: Extract<DataType, 'float32' | 'int32' | 'bool'>;
}

/**
 * The arithmetic of a step: pure in its inputs, written with tfjs ops and the engine's
 * `StepOperations`. It must not read a value (`dataSync`): a compiled engine runs it once, to
 * record it, and then never again. Nor may it draw random numbers but by `RandomOperations`.
 */
export type StepBody = (inputs: TensorRecord, operations: StepOperations) => TensorRecord;

export interface StepDefinition {
  /** For error messages and function names. */
  name: string;
  inputs: Record<string, TensorSpecification>;
  body: StepBody;
  mode: 'compiled' | 'eager';
  operations: 'fused' | 'composed';
  /**
   * `bfloat16`: convolutions, matrix products and what lies between them; weights, their updates
   * and statistics stay float32.
   */
  precision: 'float32' | 'bfloat16';
}

/** A step that is ready to run any number of times. */
export interface Step {
  /**
   * Runs the step. The caller keeps its inputs and owns the results: every result is a tensor
   * of its own, also where the body returned an input. Everything else that the body made is
   * freed, also what it kept with `keep`.
   *
   * @throws LabError `engineFailed` where an input is missing or does not fit, or an operation fails
   */
  run(inputs: TensorRecord): TensorRecord;
  /** Frees the compiled function. */
  dispose(): void;
}

/**
 * Random numbers as functions of a seed that is a value of the step, int32 [2]: the same seed and shape
 * give the same values, uniform ones to the bit, on every engine and in every mode. Philox4x32-10
 * (Salmon et al. 2011) as TensorFlow's stateless operations use it. They have no gradients.
 */
export interface RandomOperations {
  /** Independent values uniform in [0, 1), multiples of 2⁻²³, float32. */
  randomUniform(shape: readonly number[], seed: Tensor1D): Tensor;
  /** Independent standard normal values, float32. */
  randomNormal(shape: readonly number[], seed: Tensor1D): Tensor;
}

/** Operations that an engine may fuse into one kernel; all have gradients. */
export interface FusibleOperations {
  /**
   * y = γ(x − μ)/√(σ² + ϵ) + β with mean μ and biased variance σ² of the batch over all axes but
   * the last; x is [M,H,W,C] or [M,C]. Gradients with respect to x, γ and β go through μ and σ².
   * The returned mean and variance, [C], carry no gradient.
   */
  batchNormTraining(
    x: Tensor,
    gamma: Tensor1D,
    beta: Tensor1D,
    epsilon: number,
  ): { output: Tensor; mean: Tensor1D; variance: Tensor1D };
  /** −log softmax(logits)[label] per sample, [M]; logits [M,K] float32, labels [M] int32. */
  softmaxCrossEntropy(logits: Tensor2D, labels: Tensor1D): Tensor1D;
  relu<T extends Tensor>(x: T): T;
}

/** What a step has beside tfjs's own operations. */
export type StepOperations = FusibleOperations & RandomOperations;

export interface EngineMemory {
  /** Tensors alive in the engine. */
  tensorCount: number;
  /** What the engine's library holds for them; 0 where there is no library. */
  nativeHandleCount: number;
  /** Resident memory of this process. */
  residentBytes: number;
}

/**
 * What the training loop needs of a machine. Implementations: `tensorflow/` (C API, compiled
 * steps) and `javascript/` (tfjs's plain JavaScript backend). One conformance suite runs on each;
 * what an engine lacks it says in `describe().capabilities`.
 */
export interface Engine {
  describe(): EngineDescription;
  memory(): EngineMemory;
  /**
   * Prepares a step. `mode: 'compiled'` and `operations: 'fused'` fall back to eager and composed
   * where the capability is not declared.
   *
   * @throws LabError `engineFailed` for a precision that is not declared, or a body that cannot be
   * recorded
   */
  createStep(definition: StepDefinition): Step;
  /** Frees everything, so that another engine can be opened; no tensor of this one may be used afterwards. */
  dispose(): void;
}
