import { systemErrorCode } from './fileErrors.ts';

/** Whether a process of this machine with this id runs, whoever owns it. */
export function isProcessAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}
