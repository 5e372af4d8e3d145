/** What a run uses where its document does not say: of each field that is chosen by name, the one. */
export const defaultChoices = {
  architecture: 'paper-cnn',
  method: 'batchNorm',
  optimizer: 'sgd',
  schedule: 'perStepDecay',
} as const;
