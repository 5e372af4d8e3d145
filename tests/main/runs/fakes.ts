import { fileURLToPath } from 'node:url';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { trainerLauncher, type TrainerLauncher } from '#main/runs/trainerLauncher.ts';

/** A launcher of the fake trainer; see fixtures/fakeTrainer.ts for the behaviours. */
export function fakeLauncher(behaviour: string | Record<string, string> = 'normal'): TrainerLauncher {
  return trainerLauncher({
    entry: fileURLToPath(new URL('fixtures/fakeTrainer.ts', import.meta.url)),
    environment: {
      ...process.env,
      FAKE_TRAINER: typeof behaviour === 'string' ? behaviour : JSON.stringify(behaviour),
    },
  });
}

const checksum = 'a'.repeat(64);
const split = (count: number): DatasetDocument['training'] => ({
  count,
  classCounts: [count],
  imagesFile: 'images.bin',
  imagesChecksum: checksum,
  labelsFile: 'labels.bin',
  labelsChecksum: checksum,
});

/** A data set that exists in words only. */
export const fakeDataset: DatasetDocument = {
  format: 'normlab.dataset',
  version: 1,
  id: 'fake',
  name: 'Fake',
  image: { height: 8, width: 8, channels: 3 },
  classNames: ['a', 'b'],
  training: split(640),
  validation: split(64),
  normalization: { mean: [0, 0, 0], standardDeviation: [1, 1, 1] },
  checksum,
  provenance: { kind: 'test', sources: [], importedAt: '2026-01-01T00:00:00Z', notes: [] },
};
