import { describe, expect, it } from 'vitest';
import { architectureIds } from '#shared/domain/architectures/index.ts';
import { useTinyTraining } from '../tinyTraining.ts';
import { atCheckpoint, runUnbrokenAndBroken, splitSeries, tinyDocument } from '../trainHarness.ts';

/** Parameters that keep the tiny run short. */
const settings: Partial<Record<string, Record<string, unknown>>> = {
  'paper-cnn': { widths: [2, 3], kernelSizes: [3, 1], poolAfter: [1, 2], hiddenSizes: [4, 3] },
  resnet18: { widthMultiplier: 0.0625 },
  mlp: { hiddenSizes: [6] },
  'teacher-student': { inputs: 6, samples: 44, validationSamples: 13 },
};
/** A method of each kind: statistics of the batch, of a population, a kernel of its own with a first batch, none. */
const methods: Record<string, unknown>[] = [
  { id: 'batchNorm' },
  { id: 'populationNorm', images: 8 },
  { id: 'weightNorm' },
  { id: 'none' },
];

describe('every architecture', () => {
  const tiny = useTinyTraining();

  it.each(architectureIds.flatMap((id) => methods.map((method) => [id, String(method['id']), method] as const)))(
    '%s trains, stops and goes on with %s as if it had not stopped',
    async (id, name, method) => {
      const document = tinyDocument({
        architecture: { id, ...settings[id] },
        method,
        // Four images of 4×4 pixels hardly tell a deep layer its deviation: a small rate keeps it from diverging.
        optimizer: { id: 'sgd', learningRate: 1e-5, scaleWithBatchSize: false },
        length: { unit: 'steps', value: 5 },
        checkpoints: { every: { unit: 'steps', value: 2 } },
      });
      const { unbroken, broken, resumed } = await runUnbrokenAndBroken(
        tiny.engine,
        tiny.lab,
        document,
        `${id}-${name}`,
        atCheckpoint(2),
      );
      expect(unbroken.finished.outcome).toBe('done');
      expect(resumed.series).toEqual(splitSeries(unbroken.series, broken.finished.summary.steps).after);
      expect(tiny.engine.memory().tensorCount).toBe(0);
    },
  );
});
