import type { ImageShape, NetworkLayer } from './architecture.ts';

/**
 * The little training run by which an engine shows that it computes what it should: a small network
 * with BN, fixed values from random streams, a few steps. `losses` were computed in float64 by an
 * independent program without any tensor library (tests/trainer/verificationReference.ts).
 */
export const engineVerification = {
  image: [8, 8, 2] as ImageShape,
  classCount: 4,
  batchSize: 6,
  steps: 8,
  learningRate: 0.05,
  momentum: 0.9,
  method: { id: 'batchNorm', epsilon: 1e-5, runningMomentum: 0.9 },
  /** Initial weights: stream `initial/<layer>/kernel` of this seed, as in a run. */
  seed: 20190506,
  /** Pixels of step t: standard normals of stream `verification/images/t`; labels: integers of `verification/labels/t`. */
  imageStream: (step: number): string => `verification/images/${step}`,
  labelStream: (step: number): string => `verification/labels/${step}`,
  layers: [
    {
      type: 'convolution',
      name: 'conv1',
      kernelSize: 3,
      channels: 4,
      stride: 1,
      padding: 'same',
      normalizable: true,
      activation: 'relu',
    },
    { type: 'maxPool', size: 2, stride: 2 },
    { type: 'flatten' },
    { type: 'dense', name: 'fc1', channels: 8, normalizable: true, activation: 'relu' },
    { type: 'dense', name: 'fc2', channels: 4, normalizable: false, activation: 'none' },
  ] satisfies NetworkLayer[],
  /** Training loss of each step before its update, then the evaluation loss on the last batch. */
  losses: [
    1.7726709781253749, 1.6882585672045565, 1.1978319936407158, 2.3230178917177917, 1.3346923271012863,
    1.5757923842841672, 1.6740155610191034, 1.5760333550136159, 1.81129782358347,
  ] as readonly number[],
  /** Largest difference of a float32 engine that computes the same: above rounding, far below any mistake. */
  tolerance: 1e-4,
} as const;

export interface LossComparison {
  ok: boolean;
  /** Largest absolute difference of each way of computing; NaN where a loss is missing or not finite. */
  differences: Record<string, number>;
}

/** Compares the losses that an engine returned, by way of computing, with the stored ones. */
export function compareVerificationLosses(losses: Record<string, readonly number[]>): LossComparison {
  const differences = Object.fromEntries(
    Object.entries(losses).map(([name, values]) => [
      name,
      values.length === engineVerification.losses.length
        ? Math.max(...engineVerification.losses.map((expected, index) => Math.abs((values[index] ?? NaN) - expected)))
        : NaN,
    ]),
  );
  const found = Object.values(differences);
  return { ok: found.length > 0 && found.every((value) => value <= engineVerification.tolerance), differences };
}
