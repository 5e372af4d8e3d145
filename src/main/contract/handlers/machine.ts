import { statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { Handlers, MachineStatus } from '#shared/contract.ts';
import type { MachineHealth } from '#shared/domain/machineHealth.ts';
import { appVersion } from '../../runs/environment.ts';
import type { ContractContext } from '../context.ts';

export function machineHandlers(context: ContractContext): Pick<Handlers, 'machine.describe' | 'machine.health'> {
  const { lab, hasDialogs } = context;
  return {
    async 'machine.describe'() {
      const [disk, damaged] = await Promise.all([statfs(lab.directory), lab.datasets.problems()]);
      const processors = cpus();
      return {
        appVersion: appVersion(),
        labDirectory: lab.directory,
        door: lab.door,
        hasDialogs,
        readOnly: lab.readOnly,
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
    'machine.health': async () => describeHealth(context, await lab.health.read()),
  };
}

/** A reading with what it means for the runs of the queue. */
export async function describeHealth({ disk }: ContractContext, health: MachineHealth): Promise<MachineStatus> {
  // Where the forecast cannot be made, the reading itself still counts.
  return { health, warnings: await disk.warnings(health.diskFreeBytes).catch(() => []) };
}
