import type { RunDocument } from './run.ts';
import type { TrainingLength } from './trainingLength.ts';

/** Initial learning rate after scaling with the batch size: lr₀·M/M_ref. */
export function scaledLearningRate(document: RunDocument): number {
  const { learningRate, scaleWithBatchSize, referenceBatchSize } = document.optimizer;
  return scaleWithBatchSize ? (learningRate * document.batchSize) / referenceBatchSize : learningRate;
}

/** The part of its initial value that a schedule gives the learning rate at step t (from 0). */
function scheduleFactor({ schedule }: RunDocument, step: number, length: TrainingLength): number {
  switch (schedule.id) {
    case 'constant':
      return 1;
    case 'perStepDecay':
      return (1 - schedule.decayPerStep) ** step;
    case 'epochDecay': {
      const drops = schedule.epochs.filter((epochs) => step >= Math.round(epochs * length.stepsPerEpoch)).length;
      return schedule.factor ** drops;
    }
    case 'cosine': {
      const cosine = Math.cos((Math.PI * step) / length.totalSteps);
      return schedule.finalFraction + ((1 - schedule.finalFraction) * (1 + cosine)) / 2;
    }
  }
}

/**
 * Learning rate of step t (from 0): lr·f(t)·min(1, (t + 1)/W) with W steps of warm-up, and f by schedule
 * 1 (constant), (1 − decay)^t (per-step decay; paper, section 6), factor^(epochs named that are over)
 * or e + (1 − e)(1 + cos(πt/T))/2 with T steps in all (cosine to the final fraction e; Loshchilov & Hutter
 * 2017, without restarts). The schedule runs during the warm-up, too: they are multiplied.
 */
export function learningRateAt(document: RunDocument, step: number, length: TrainingLength): number {
  const { unit, value } = document.warmUp;
  const warmUpSteps = Math.round(unit === 'steps' ? value : value * length.stepsPerEpoch);
  const rise = step < warmUpSteps ? (step + 1) / warmUpSteps : 1;
  return scaledLearningRate(document) * scheduleFactor(document, step, length) * rise;
}
