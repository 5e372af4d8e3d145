import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Far behind what people wait for, before what only fills idle time. */
const niceness = 10;

/**
 * Lets interface and main go before a process that computes for minutes; with idle cores nothing changes.
 * On Linux a process with a session of its own is weighed by its session's niceness, not by its own.
 */
export function lowerPriority(processId: number): void {
  try {
    setPriority(processId, niceness);
    if (process.platform === 'linux') writeFileSync(`/proc/${processId}/autogroup`, String(niceness));
  } catch {
    // The process has ended already, or the kernel weighs no sessions: it computes as it is.
  }
}
