import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { systemErrorCode } from './fileErrors.ts';

/** Tells a process from every other one, also from a later one with the same id. */
export const processIdentitySchema = z.object({
  processId: z.int().positive(),
  hostName: z.string(),
  /** When it started, in the kernel's ticks; null where the system does not tell. */
  processStart: z.string().nullable(),
});
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

/** A process of this machine. */
export function identifyProcess(processId: number): ProcessIdentity {
  return { processId, hostName: hostname(), processStart: readStatus(processId)?.start ?? null };
}

/**
 * Whether a process of this machine with this id runs, whoever owns it. One that has ended and only
 * waits for its parent to notice does not run.
 */
export function isProcessAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
  } catch (error) {
    if (systemErrorCode(error) !== 'EPERM') return false;
  }
  return !['Z', 'X'].includes(readStatus(processId)?.state ?? '');
}

/** Whether this very process still runs. Of one on another machine nothing is known: false. */
export function isSameProcessAlive({ processId, hostName, processStart }: ProcessIdentity): boolean {
  if (hostName !== hostname() || !isProcessAlive(processId)) return false;
  return processStart === null || identifyProcess(processId).processStart === processStart;
}

/** From `/proc/PID/stat`, where there is one. */
function readStatus(processId: number): { state: string; start: string | null } | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${processId}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The command's name, in parentheses, may hold spaces. Behind it are the state, field 3, and the start, field 22.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', start: fields[19] ?? null };
}
