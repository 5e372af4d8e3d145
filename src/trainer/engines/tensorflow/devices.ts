import { globSync, readFileSync } from 'node:fs';
import os from 'node:os';
import type { EagerContext } from './context.ts';

export interface DeviceDescription {
  /** For people: the processor's or the card's name. */
  name: string;
  memoryBytes: number | null;
}

/** The device that operations run on. */
export function describeDevice(context: EagerContext, device: 'cpu' | 'gpu'): DeviceDescription {
  if (device === 'gpu') {
    const { memoryBytes } = context.requireGpu();
    return { name: cardName() ?? 'CUDA device 0', memoryBytes };
  }
  return { name: os.cpus()[0]?.model.trim() || os.arch(), memoryBytes: os.totalmem() };
}

/** The C API knows devices by number only; the NVIDIA driver tells the model. */
function cardName(): string | null {
  try {
    const [file] = globSync('/proc/driver/nvidia/gpus/*/information').sort();
    if (file === undefined) return null;
    return /^Model:\s*(.+)$/m.exec(readFileSync(file, 'utf8'))?.[1]?.trim() ?? null;
  } catch {
    return null;
  }
}
