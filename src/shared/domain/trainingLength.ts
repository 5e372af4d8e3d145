import type { Duration } from './duration.ts';
import type { RunDocument } from './run.ts';

/** How long a run is in optimizer steps, and how many of them go once through the training images. */
export interface TrainingLength {
  stepsPerEpoch: number;
  totalSteps: number;
}

/** The length of a run on that many training images. */
export function trainingLength(document: RunDocument, trainingImages: number): TrainingLength {
  const epochSteps = stepsPerEpoch(trainingImages, document.batchSize);
  return { stepsPerEpoch: epochSteps, totalSteps: durationInSteps(document.length, epochSteps) };
}

/** Optimizer steps in an epoch: full batches only; the rest of an epoch's order is left out. */
export function stepsPerEpoch(trainingImages: number, batchSize: number): number {
  return Math.max(1, Math.floor(trainingImages / batchSize));
}

/** A duration in whole optimizer steps, at least one. */
export function durationInSteps(duration: Duration, epochSteps: number): number {
  return Math.max(1, Math.round(duration.unit === 'steps' ? duration.value : duration.value * epochSteps));
}
