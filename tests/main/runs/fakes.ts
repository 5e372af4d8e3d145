import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import type { EngineService } from '#main/engines/engineService.ts';
import type { HealthMonitor } from '#main/health/healthMonitor.ts';
import { ExperimentService } from '#main/runs/experimentService.ts';
import type { MachineProbe } from '#main/runs/runAdmission.ts';
import { RunService } from '#main/runs/runService.ts';
import { openStore } from '#main/store/openStore.ts';
import type { Store } from '#main/store/store.ts';
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

export interface ServiceFixture {
  store: Store;
  service: RunService;
  directory: string;
  /** Creates an experiment with one run a seed, and returns the ids. */
  createRuns(seeds: readonly number[], base?: Record<string, unknown>): Promise<string[]>;
  /** Ends this service as a crash does, without a word to the store, and opens another one. */
  reopen(launcher: TrainerLauncher): RunService;
  close(): Promise<void>;
}

export const fakeEngines: Pick<EngineService, 'choose'> = {
  choose: () => Promise.resolve({ location: { kind: 'javascript' }, id: 'javascript', notes: [] }),
};

/** A run service over a real store in a temporary folder, with the fake trainer. */
export async function openServiceFixture(
  launcher: TrainerLauncher,
  options: {
    wrapStore?: (store: Store) => Store;
    stopTimeoutMs?: number;
    concurrency?: number;
    machine?: MachineProbe;
    health?: HealthMonitor;
  } = {},
): Promise<ServiceFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'normlab-runs-'));
  const opened = openStore(directory);
  const store = options.wrapStore?.(opened) ?? opened;
  const datasets = { get: () => Promise.resolve(fakeDataset), directory: () => directory };
  const start = (trainers: TrainerLauncher): RunService =>
    new RunService({
      store,
      datasets,
      engines: fakeEngines,
      launcher: trainers,
      labDirectory: directory,
      flushIntervalMs: 5,
      eventIntervalMs: 1,
      ...options,
    });
  const fixture: ServiceFixture = {
    store,
    service: start(launcher),
    directory,
    createRuns: async (seeds, base = {}) => {
      const experiments = new ExperimentService(store, datasets, directory);
      const { runs } = await experiments.create({ name: 'Test', base: { dataset: { id: 'fake' }, ...base }, seeds });
      return runs.map((run) => run.id);
    },
    reopen: (trainers) => (fixture.service = start(trainers)),
    close: async () => {
      await fixture.service.close({ graceful: false });
      store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return fixture;
}
