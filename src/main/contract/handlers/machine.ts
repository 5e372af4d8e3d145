import { statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { Handlers } from '#shared/contract.ts';
import { appVersion } from '../../runs/environment.ts';
import type { ContractContext } from '../context.ts';

export function machineHandlers({ lab, hasDialogs }: ContractContext): Pick<Handlers, 'machine.describe'> {
  return {
    async 'machine.describe'() {
      const [disk, damaged] = await Promise.all([statfs(lab.directory), lab.datasets.problems()]);
      const processors = cpus();
      return {
        appVersion: appVersion(),
        labDirectory: lab.directory,
        door: lab.door,
        hasDialogs,
        processor: processors[0]?.model.trim() ?? 'unknown',
        cores: processors.length,
        memoryBytes: totalmem(),
        freeMemoryBytes: freemem(),
        diskFreeBytes: disk.bavail * disk.bsize,
        notices: [
          ...lab.notices,
          ...damaged.map(({ message, hint }) => ({ code: 'invalidDataset' as const, message, hint })),
        ],
      };
    },
  };
}
