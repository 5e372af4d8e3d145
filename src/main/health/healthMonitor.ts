import type { MachineHealth } from '#shared/domain/machineHealth.ts';
import type { HealthProbe } from './healthProbe.ts';

export interface HealthMonitorOptions {
  /** Between two readings while something trains. */
  intervalMs?: number;
  /** Clock in milliseconds. */
  now?: () => number;
}

/**
 * Reads the machine's health while somebody holds the monitor (a run that trains), and when a client
 * asks; never twice at once, and not at all where nobody wants to know.
 */
export class HealthMonitor {
  readonly #probe: HealthProbe;
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #observers = new Set<(health: MachineHealth) => void>();
  #holders = 0;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<MachineHealth> | null = null;
  #latest: { health: MachineHealth; atMs: number } | null = null;

  constructor(probe: HealthProbe, { intervalMs = 5000, now = () => performance.now() }: HealthMonitorOptions = {}) {
    this.#probe = probe;
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  /** The latest reading; null before the first. */
  get latest(): MachineHealth | null {
    return this.#latest?.health ?? null;
  }

  /** A reading that is not older than the interval. */
  async read(): Promise<MachineHealth> {
    const latest = this.#latest;
    if (latest !== null && this.#now() - latest.atMs < this.#intervalMs) return latest.health;
    return (this.#reading ??= this.#take());
  }

  /** Reads regularly from now on; returns the function that ends it. */
  hold(): () => void {
    this.#holders += 1;
    if (this.#holders === 1) void this.#repeat();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders === 0) clearTimeout(this.#timer);
    };
  }

  /** Calls back with each reading; returns the function that ends it. */
  observe(observer: (health: MachineHealth) => void): () => void {
    this.#observers.add(observer);
    return () => {
      this.#observers.delete(observer);
    };
  }

  async #repeat(): Promise<void> {
    // Where a reading fails, the next one may not.
    await (this.#reading ??= this.#take()).catch(() => undefined);
    clearTimeout(this.#timer);
    if (this.#holders === 0) return;
    this.#timer = setTimeout(() => void this.#repeat(), this.#intervalMs);
    this.#timer.unref();
  }

  async #take(): Promise<MachineHealth> {
    try {
      const health = await this.#probe();
      this.#latest = { health, atMs: this.#now() };
      for (const observer of this.#observers) observer(health);
      return health;
    } finally {
      this.#reading = null;
    }
  }
}
