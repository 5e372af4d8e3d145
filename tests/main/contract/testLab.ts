import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createDatasetWriter } from '#files/datasetWriter.ts';
import { createLabContract, type LabContract, type LabContractOptions } from '#main/contract/labContract.ts';
import type { EngineService, EngineStatus } from '#main/engines/engineService.ts';
import type { HealthProbe } from '#main/health/healthProbe.ts';
import { createLab, type LabOptions } from '#main/lab.ts';
import { LabError } from '#shared/errors.ts';
import { fakeLauncher } from '../runs/fakes.ts';

/** A folder for the running test, removed when it ends. */
export async function temporaryFolder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'normlab-contract-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

const javascript: EngineStatus = {
  id: 'javascript',
  title: 'JavaScript',
  state: 'ready',
  reason: 'The only one in this test.',
  chosen: true,
  location: { kind: 'javascript' },
  bytes: null,
  description: null,
  residentMemoryBytes: null,
};

/** One engine that is there, and one that can be installed. */
export function fakeEngines(): EngineService {
  return {
    list: () =>
      Promise.resolve([
        {
          ...javascript,
          id: 'tensorflow-cpu',
          title: 'TensorFlow',
          state: 'installable',
          chosen: false,
          location: null,
        },
        javascript,
      ]),
    choose: () => Promise.resolve({ location: { kind: 'javascript' }, id: 'javascript', notes: [] }),
    install: (_id, { onProgress, signal } = {}) =>
      new Promise((_resolve, reject) => {
        onProgress?.({ phase: 'Downloading', doneBytes: 5, totalBytes: 10, bytesPerSecond: 1, secondsLeft: 5 });
        signal?.addEventListener('abort', () => reject(new LabError('cancelled', 'Cancelled.', 'Again.')));
      }),
    verifyFiles: () => Promise.resolve([]),
  };
}

/** A data set of 4 images of 2×2 pixels in colour for training and 2 for validation, two classes. */
export async function addTinyDataset(labDirectory: string, id = 'tiny', firstPixel = 0): Promise<void> {
  const directory = join(labDirectory, 'datasets', id);
  await mkdir(directory, { recursive: true });
  const writer = await createDatasetWriter(directory, { height: 2, width: 2, channels: 3 }, 2);
  const pixels = (count: number, from: number): Uint8Array =>
    Uint8Array.from({ length: count * 12 }, (_, index) => from + index);
  await writer.append('training', pixels(4, firstPixel), Uint8Array.of(0, 1, 0, 1));
  await writer.append('validation', pixels(2, 100), Uint8Array.of(1, 0));
  await writer.finish({
    id,
    name: 'Tiny',
    classNames: ['even', 'odd'],
    provenance: { kind: 'test', sources: [], importedAt: '2025-01-01T00:00:00.000Z', notes: [] },
  });
}

export interface TestLabOptions extends LabContractOptions {
  /** Of the fake trainer; see `runs/fixtures/fakeTrainer.ts`. */
  behaviour?: string | Record<string, string>;
  labDirectory?: string;
  /** As a window opens it: for reading only where it cannot be changed. */
  orForReading?: boolean;
  /** In place of the store, as on a disk that fails. */
  wrapStore?: LabOptions['wrapStore'];
  /** Without one, the machine of the test has no sensors. */
  healthProbe?: HealthProbe;
}

/** A lab with a tiny data set and a trainer that only pretends, closed when the test ends. */
export async function openTestLab(options: TestLabOptions = {}): Promise<LabContract> {
  const contract = await openUnguardedTestLab(options);
  onTestFinished(() => contract.close({ graceful: false }));
  return contract;
}

/** As `openTestLab`; the test closes it. */
export async function openUnguardedTestLab(options: TestLabOptions = {}): Promise<LabContract> {
  const labDirectory = options.labDirectory ?? (await temporaryFolder());
  const lab = await createLab({
    labDirectory,
    door: 'cli',
    orForReading: options.orForReading ?? false,
    launcher: fakeLauncher(options.behaviour ?? 'normal'),
    engines: fakeEngines(),
    ...(options.wrapStore === undefined ? {} : { wrapStore: options.wrapStore }),
    healthProbe: options.healthProbe ?? (() => Promise.reject(new Error('There are no sensors.'))),
    flushIntervalMs: 20,
    eventIntervalMs: 10,
  });
  const there = await lab.datasets.list();
  if (there.length === 0) await addTinyDataset(labDirectory);
  return createLabContract(lab, { events: { intervalMs: 10 }, ...options });
}

/** A comparison on the tiny data set. */
export const tinyExperiment = {
  name: 'Tiny',
  base: { dataset: { id: 'tiny' }, batchSize: 2, length: { unit: 'epochs', value: 3 } },
  vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
  seeds: [1, 2],
};

/** Resolves when a condition holds that an event announces. */
export async function until(
  contract: Pick<LabContract, 'events'>,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  for (;;) {
    const event = Promise.withResolvers<undefined>();
    const end = contract.events.subscribe(() => event.resolve(undefined));
    try {
      if (await condition()) return;
      await event.promise;
    } finally {
      end();
    }
  }
}

/** Lets a test wait for what a listener of its own collects. */
export function createWatch(): { notice: () => void; until: (condition: () => boolean) => Promise<void> } {
  let check = (): void => undefined;
  return {
    notice: () => check(),
    until: (condition) =>
      new Promise((resolve) => {
        check = () => {
          if (condition()) resolve();
        };
        check();
      }),
  };
}
