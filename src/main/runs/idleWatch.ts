import { cpus } from 'node:os';

/** Time that all cores together have spent since the machine started. */
export interface ProcessorTimes {
  /** In work of usual priority, and in the kernel; trainers work at a lower one (`lowerPriority`). */
  busyMs: number;
  totalMs: number;
}

export function readProcessorTimes(): ProcessorTimes {
  let [busyMs, totalMs] = [0, 0];
  for (const { times } of cpus()) {
    busyMs += times.user + times.sys + times.irq;
    totalMs += times.user + times.sys + times.irq + times.nice + times.idle;
  }
  return { busyMs, totalMs };
}

/** Up to this part of the processor may be busy on a machine that idles. */
export const idleBusyShare = 0.15;
/** So long it has to be so before a run starts. */
export const idleForMs = 5 * 60_000;

export interface IdleProbe {
  /** Milliseconds of a clock that only goes forward. */
  now: () => number;
  readTimes: () => ProcessorTimes;
}

/** Whether the machine has idled for a while, by samples of what its processor did between them. */
export class IdleWatch {
  readonly #probe: IdleProbe;
  #last: { at: number; times: ProcessorTimes } | null = null;
  #idleSince: number | null = null;

  constructor(probe: IdleProbe) {
    this.#probe = probe;
  }

  /** Looks at what happened since the last sample; the first one only begins. */
  sample(): void {
    const at = this.#probe.now();
    const times = this.#probe.readTimes();
    const last = this.#last;
    this.#last = { at, times };
    if (last === null) return;
    const totalMs = times.totalMs - last.times.totalMs;
    // Nothing can be said where the counters stood still.
    if (totalMs <= 0) return;
    const isIdle = (times.busyMs - last.times.busyMs) / totalMs <= idleBusyShare;
    this.#idleSince = isIdle ? (this.#idleSince ?? last.at) : null;
  }

  /** Milliseconds until the machine will have idled long enough, as far as is known; 0 where it has. */
  get missingMs(): number {
    const { now } = this.#probe;
    return this.#idleSince === null ? idleForMs : Math.max(0, idleForMs - (now() - this.#idleSince));
  }

  /** Forgets all samples: from here on nothing was looked at. */
  reset(): void {
    this.#last = null;
    this.#idleSince = null;
  }
}
