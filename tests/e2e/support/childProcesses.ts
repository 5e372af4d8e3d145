import { readdirSync, readFileSync } from 'node:fs';

/** Processes that a process started and that run still, by what is in their command lines; Linux only. */
export function childrenOf(pid: number, commandPart: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => {
      try {
        const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${candidate}/status`, 'utf8'))?.[1];
        return Number(parent) === pid && readFileSync(`/proc/${candidate}/cmdline`, 'utf8').includes(commandPart);
      } catch {
        // It ended meanwhile.
        return false;
      }
    });
}
