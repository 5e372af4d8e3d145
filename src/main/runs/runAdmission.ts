import type { QueueSettings, QueueWait } from '#shared/domain/queue.ts';
import type { HealthMonitor } from '../health/healthMonitor.ts';
import type { RunRecord } from '../store/store.ts';
import { idleForMs, IdleWatch, readProcessorTimes, type IdleProbe } from './idleWatch.ts';
import { findCardObstacle, findMemoryObstacle, type MemoryNeed } from './memoryAdmission.ts';

/** What starting a run depends on. */
export interface MachineProbe extends IdleProbe {
  freeMemoryBytes: () => number;
}

const thisMachine: MachineProbe = {
  now: () => performance.now(),
  readTimes: readProcessorTimes,
  // Within a container's limits, which the machine's free memory does not know.
  freeMemoryBytes: () => process.availableMemory(),
};

/** Between two looks whether a run that waits for memory or an idle machine can start. */
const checkIntervalMs = 5000;

/** A run that trains, as far as it leaves room for others. */
export interface TrainingRun {
  record: RunRecord;
  /** True where the latest reading of a graphics card has what the run holds there. */
  showsItsMemory: boolean;
}

/** Says what of the machine keeps a run from starting now, and looks again while runs wait for that. */
export class RunAdmission {
  readonly #machine: MachineProbe;
  readonly #health: Pick<HealthMonitor, 'latest'> | undefined;
  readonly #idle: IdleWatch;
  #estimateMemory: ((run: RunRecord) => MemoryNeed) | null = null;
  #timer: NodeJS.Timeout | undefined;

  /** @param machine What the machine does besides; replaced in tests. */
  constructor(health: Pick<HealthMonitor, 'latest'> | undefined, machine: MachineProbe = thisMachine) {
    this.#machine = machine;
    this.#health = health;
    this.#idle = new IdleWatch(machine);
  }

  /** From now on further runs start beside one that trains only where their memory fits. */
  estimateMemoryWith(estimate: (run: RunRecord) => MemoryNeed): void {
    this.#estimateMemory = estimate;
  }

  /** Why a run cannot start beside those that train; null where it can. */
  findObstacle(
    run: RunRecord,
    training: readonly TrainingRun[],
    { startWhenIdle }: Pick<QueueSettings, 'startWhenIdle'>,
  ): QueueWait | null {
    if (startWhenIdle && this.#idle.missingMs > 0) {
      const minutes = idleForMs / 60_000;
      return {
        reason: 'busyMachine',
        message: `Waits until nothing else has kept the machine busy for ${minutes} minutes.`,
      };
    }
    const estimate = this.#estimateMemory;
    if (estimate === null || training.length === 0) return null;
    const uses = training.map(({ record }) => ({
      neededBytes: estimate(record).memoryBytes,
      residentBytes: record.progress?.residentMemoryBytes ?? null,
    }));
    const { memoryBytes, cardBytes } = estimate(run);
    const obstacle = findMemoryObstacle(memoryBytes, uses, this.#machine.freeMemoryBytes());
    // Engines take the first card.
    const card = this.#health?.latest?.gpus[0];
    if (obstacle !== null || card === undefined || run.document.execution.engine === 'javascript') return obstacle;
    const onCard = training.filter(
      ({ record: { environment } }) => environment === null || environment.engine.device === card.name,
    );
    return findCardObstacle(
      cardBytes,
      onCard.map(({ showsItsMemory }) => showsItsMemory),
      card,
    );
  }

  /** Calls back from time to time while runs wait for the machine; what it throws is tried again the next time. */
  watch(isWaiting: boolean, check: () => void): void {
    if (!isWaiting) {
      this.endWatch();
      this.#idle.reset();
      return;
    }
    if (this.#timer !== undefined) return;
    this.#idle.sample();
    this.#timer = setInterval(() => {
      this.#idle.sample();
      try {
        check();
      } catch {
        // The database cannot be read now.
      }
    }, checkIntervalMs);
  }

  endWatch(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
