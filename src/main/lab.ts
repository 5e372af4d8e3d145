import { join, resolve } from 'node:path';
import { removeLeftoverTemporaryFiles } from '#files/atomicWrite.ts';
import type { EngineLocation } from '#shared/protocol.ts';
import { createDatasetService, type DatasetService } from './datasets/datasetService.ts';
import { createEngineService } from './engines/createEngineService.ts';
import type { EngineService } from './engines/engineService.ts';
import { HealthMonitor } from './health/healthMonitor.ts';
import { createHealthProbe, type HealthProbe } from './health/healthProbe.ts';
import { ExperimentService } from './runs/experimentService.ts';
import { RunService, type RunServiceOptions } from './runs/runService.ts';
import { trainerLauncher, type TrainerLauncher } from './runs/trainerLauncher.ts';
import { describeEngine } from './runs/trainerTask.ts';
import { appVersion } from './runs/environment.ts';
import { keepDiskReserve, releaseDiskReserve } from './store/diskReserve.ts';
import type { LabDoor } from './store/labLock.ts';
import { canBeRead, isFromNewerVersion, openLabForReading } from './store/labForReading.ts';
import { runDatabaseTask } from './store/databaseThread.ts';
import { databasePath, openLab, type OpenLab } from './store/openStore.ts';
import type { RepairReport } from './store/repairLab.ts';
import type { MetricStore, RunRecord, Store } from './store/store.ts';
import { LabError, type LabErrorData } from '#shared/errors.ts';

export interface LabOptions extends Pick<
  RunServiceOptions,
  'concurrency' | 'flushIntervalMs' | 'stopTimeoutMs' | 'eventIntervalMs'
> {
  labDirectory: string;
  /** The front door that opens it. */
  door: LabDoor;
  /** Opens a lab for reading only where this program may not or must not change it. */
  orForReading?: boolean;
  launcher?: TrainerLauncher;
  /** In place of the engines of this machine. */
  engines?: EngineService;
  /** In place of this machine's sensors. */
  healthProbe?: HealthProbe;
  /** Wraps the store, for tests of failing disks. */
  wrapStore?: (store: Store) => Store;
}

/** Everything a front door needs, over one lab folder that this process owns. */
export interface Lab {
  readonly directory: string;
  readonly door: LabDoor;
  /** Why nothing in the folder may change, and what to do; null where this process owns it. */
  readonly readOnly: LabErrorData | null;
  /** Folder of the database that this process reads: the lab's own, or that of a copy where the lab is open for reading. */
  readonly databaseDirectory: string;
  readonly datasets: DatasetService;
  readonly engines: EngineService;
  readonly experiments: ExperimentService;
  readonly runs: RunService;
  readonly metrics: Pick<MetricStore, 'read' | 'readBuckets' | 'list'>;
  readonly store: Store;
  readonly launcher: TrainerLauncher;
  readonly health: HealthMonitor;
  /** Runs that were training when an owner ended, and that nobody resumed since: lost, and resumable. */
  readonly interrupted: readonly RunRecord[];
  /** What works, but not as well as it could, and what is damaged. */
  readonly notices: readonly LabErrorData[];
  /**
   * Verifies everything in the database, and where something is damaged saves the rest into a new one.
   * Nothing can be read or written meanwhile.
   * @throws LabError `invalidState` while runs train, `labDamaged` where nothing can be read, `diskFull`, ….
   */
  repair(): Promise<RepairReport>;
  /** Ends trainers (with checkpoints where `graceful`, the default), closes the store, gives up the folder. */
  close(options?: { graceful?: boolean }): Promise<void>;
}

/** The engines of this machine; a trainer process is asked about each. */
export function openEngines(launcher: TrainerLauncher): EngineService {
  return createEngineService({
    describeEngine: (location: EngineLocation) => describeEngine(launcher, location),
  });
}

type Opened = Omit<OpenLab, 'owner' | 'renew'> & { databaseDirectory: string } & (
    { readOnly: null; renew: OpenLab['renew'] } | { readOnly: LabErrorData; renew: null }
  );

async function open(directory: string, { door, orForReading = false }: LabOptions): Promise<Opened> {
  const openForReading = async (): Promise<Opened> => ({
    ...(await openLabForReading(directory, door)),
    renew: null,
  });
  if (orForReading && (await isFromNewerVersion(directory))) {
    try {
      return await openForReading();
    } catch (error) {
      // Damage can look like a newer version: opening it to write saves what can be read.
      if (!(error instanceof LabError && error.code === 'labDamaged')) throw error;
    }
  }
  try {
    const opened = openLab(directory, door, { appVersion: appVersion() });
    return { ...opened, readOnly: null, databaseDirectory: directory };
  } catch (error) {
    if (orForReading && canBeRead(directory, error)) return openForReading();
    throw error;
  }
}

/**
 * Opens a lab: the service graph, built once and shared by every front door.
 * @throws LabError `labInUse`, `labNotWritable`, `labFromNewerVersion`, `labDamaged`, `diskFull`.
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  const directory = resolve(options.labDirectory);
  const opened = await open(directory, options).catch((error: unknown) => {
    if (releaseDiskReserve(directory, error)) return open(directory, options);
    throw error;
  });
  try {
    if (opened.readOnly === null) keepDiskReserve(directory);
    const store = options.wrapStore?.(opened.store) ?? opened.store;
    const launcher = options.launcher ?? trainerLauncher();
    const datasets = createDatasetService({
      datasetsDirectory: join(directory, 'datasets'),
      readOnly: opened.readOnly !== null,
    });
    const engines = options.engines ?? openEngines(launcher);
    const health = new HealthMonitor(
      options.healthProbe ?? createHealthProbe({ labDirectory: directory, environment: process.env }),
    );
    const runs = new RunService({ ...options, store, datasets, engines, launcher, labDirectory: directory, health });
    const interrupted = opened.readOnly === null ? runs.recoverInterrupted() : [];
    let repairing: Promise<unknown> = Promise.resolve();
    const repair = async (): Promise<RepairReport> => {
      const { renew } = opened;
      if (renew === null) throw LabError.from(opened.readOnly);
      if (runs.queueState().training.length > 0) {
        throw new LabError(
          'invalidState',
          'The lab’s database cannot be repaired while runs train.',
          'Pause or stop them first; they go on from their checkpoints afterwards.',
        );
      }
      const file = databasePath(directory);
      const repaired = renew(() => runDatabaseTask('repair', { labDirectory: directory }, file));
      repairing = repaired.catch(() => undefined);
      return repaired;
    };
    let closing: Promise<void> | null = null;
    const close = async (graceful: boolean): Promise<void> => {
      await repairing;
      try {
        await runs.close({ graceful });
      } finally {
        opened.close();
      }
    };
    // What a figure's writer left when it was killed.
    if (opened.readOnly === null) await removeLeftoverTemporaryFiles(join(directory, 'exports'));
    return {
      directory,
      door: options.door,
      readOnly: opened.readOnly,
      databaseDirectory: opened.databaseDirectory,
      datasets,
      engines,
      experiments: new ExperimentService(store, datasets, directory),
      runs,
      metrics: store.metrics,
      store,
      launcher,
      health,
      interrupted,
      notices: opened.notices,
      repair,
      close: (how) => (closing ??= close(how?.graceful ?? true)),
    };
  } catch (error) {
    opened.close();
    throw error;
  }
}
