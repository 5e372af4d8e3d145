import type { EngineListItem, MachineDescription } from '#shared/contract.ts';
import { formatBytes } from './format.ts';

export interface MachineFact {
  name: string;
  text: string;
  state: 'checking' | 'good' | 'warning';
}

/** Free space below which a first experiment may not fit. */
const littleDiskBytes = 2e9;
const littleMemoryBytes = 1.5e9;

/** What was found on this machine, in plain words. */
export function describeMachine(
  machine: MachineDescription | null,
  engines: readonly EngineListItem[] | null,
): MachineFact[] {
  return [engineFact(engines), ...deviceFacts(machine, engines), memoryFact(machine), diskFact(machine)];
}

function engineFact(engines: readonly EngineListItem[] | null): MachineFact {
  const name = 'Engine';
  if (engines === null) return { name, text: 'Looking for what can train networks here', state: 'checking' };
  const chosen = engines.find((engine) => engine.chosen);
  if (chosen?.state === 'ready') {
    const slow = chosen.description?.kind === 'javascript' || chosen.id === 'javascript';
    return slow
      ? {
          name,
          text: `${chosen.description?.title ?? chosen.title}: it works everywhere, but slowly. TensorFlow is many times faster.`,
          state: 'warning',
        }
      : { name, text: `${chosen.description?.title ?? chosen.title} is ready`, state: 'good' };
  }
  const installable = engines.find((engine) => engine.state === 'installable');
  if (installable) {
    const size = installable.bytes === null ? '' : ` (${formatBytes(installable.bytes)} to fetch)`;
    return { name, text: `${installable.title} can be installed here${size}`, state: 'warning' };
  }
  return { name, text: engines[0]?.reason ?? 'No engine can run on this machine', state: 'warning' };
}

function deviceFacts(machine: MachineDescription | null, engines: readonly EngineListItem[] | null): MachineFact[] {
  const name = 'Device';
  const chosen = engines?.find((engine) => engine.chosen);
  const description = chosen?.description;
  if (machine === null) return [{ name, text: 'Asking for the processor', state: 'checking' }];
  if (description && chosen.id === 'tensorflow-cuda') {
    const memory = formatBytes(description.deviceMemoryBytes);
    return [{ name, text: `${description.device} with ${memory}`, state: 'good' }];
  }
  return [
    {
      name,
      text: `${machine.processor}, ${machine.cores === 1 ? '1 core' : `${machine.cores} cores`}; no graphics card in use`,
      state: 'good',
    },
  ];
}

function memoryFact(machine: MachineDescription | null): MachineFact {
  const name = 'Memory';
  if (machine === null) return { name, text: 'Measuring', state: 'checking' };
  const { freeMemoryBytes, memoryBytes } = machine;
  const text = `${formatBytes(freeMemoryBytes)} of ${formatBytes(memoryBytes)} free`;
  return freeMemoryBytes < littleMemoryBytes
    ? { name, text: `${text}; close other programs before large runs`, state: 'warning' }
    : { name, text, state: 'good' };
}

function diskFact(machine: MachineDescription | null): MachineFact {
  const name = 'Disk';
  if (machine === null) return { name, text: 'Measuring', state: 'checking' };
  const text = `${formatBytes(machine.diskFreeBytes)} free for data, checkpoints and curves`;
  return machine.diskFreeBytes < littleDiskBytes
    ? { name, text: `${text}; that is little`, state: 'warning' }
    : { name, text, state: 'good' };
}
