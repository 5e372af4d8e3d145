/** Trains on the data set `tiny` within a second: plain JavaScript starts sooner than TensorFlow. */
export const tinyExperiment = {
  name: 'Tiny comparison',
  base: {
    dataset: { id: 'tiny' },
    architecture: { id: 'paper-cnn', widthMultiplier: 0.0625 },
    optimizer: { id: 'sgd', learningRate: 0.02 },
    batchSize: 8,
    length: { unit: 'steps', value: 20 },
    evaluation: { every: { unit: 'steps', value: 5 }, batchSize: 16 },
    execution: { engine: 'javascript' },
  },
  vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
  seeds: [1],
};

/** The same for longer, so that there is time to break something while it trains. */
export function longerExperiment(steps: number, evaluationSteps: number): unknown {
  return {
    ...tinyExperiment,
    name: 'Longer comparison',
    base: {
      ...tinyExperiment.base,
      length: { unit: 'steps', value: steps },
      evaluation: { every: { unit: 'steps', value: evaluationSteps }, batchSize: 16 },
      checkpoints: { every: { unit: 'steps', value: 50 } },
    },
  };
}
