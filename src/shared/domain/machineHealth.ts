/** What one graphics card says of itself; null where it does not. */
export interface GpuHealth {
  name: string;
  /** Share of the time in which it computed, 0 to 1. */
  load: number | null;
  memoryUsedBytes: number | null;
  memoryBytes: number | null;
  temperatureCelsius: number | null;
}

/** How a machine is at one moment; null where it cannot be told. */
export interface MachineHealth {
  /** ISO 8601, UTC. */
  at: string;
  /** Share of all cores that was busy since the reading before, 0 to 1. */
  processorLoad: number | null;
  /** Of the hottest sensor in the processor. */
  processorTemperatureCelsius: number | null;
  /** Memory that programs may use; less than the machine has where a container is limited. */
  memoryBytes: number;
  memoryFreeBytes: number;
  /** Of the disk that the lab folder is on. */
  diskBytes: number | null;
  diskFreeBytes: number | null;
  gpus: GpuHealth[];
}

/** One quantity of the machine that is stored with a run. */
export interface MachineQuantity {
  series: string;
  title: string;
  unit: 'share' | 'bytes' | 'celsius';
}

/** Series of the machine while a run trained, beside `machine/gpu0/…`; see `isTimingSeries`. */
export const machineQuantities: readonly MachineQuantity[] = [
  { series: 'machine/processorLoad', title: 'Processor', unit: 'share' },
  { series: 'machine/processorTemperatureCelsius', title: 'Processor temperature', unit: 'celsius' },
  { series: 'machine/memoryUsedBytes', title: 'Memory in use', unit: 'bytes' },
  { series: 'machine/trainerMemoryBytes', title: 'Memory of this run', unit: 'bytes' },
  { series: 'machine/diskFreeBytes', title: 'Free on disk', unit: 'bytes' },
];

const gpuQuantities: readonly (Omit<MachineQuantity, 'series'> & { field: keyof GpuHealth })[] = [
  { field: 'load', title: 'load', unit: 'share' },
  { field: 'memoryUsedBytes', title: 'memory', unit: 'bytes' },
  { field: 'temperatureCelsius', title: 'temperature', unit: 'celsius' },
];

/** Prefix of the series that say how the machine was. */
export const machinePrefix = 'machine/';

/** What a series of the machine is; null for any other. */
export function machineQuantityOf(series: string): MachineQuantity | null {
  const known = machineQuantities.find((quantity) => quantity.series === series);
  if (known) return known;
  const [, card, field] = /^machine\/gpu(\d+)\/(\w+)$/.exec(series) ?? [];
  const gpu = gpuQuantities.find((quantity) => quantity.field === field);
  if (card === undefined || !gpu) return null;
  return { series, title: `GPU ${card === '0' ? '' : `${Number(card) + 1} `}${gpu.title}`, unit: gpu.unit };
}

/**
 * The values of a reading that are stored with a run, by series.
 * @param trainerMemoryBytes Resident memory of the run's trainer; null where it is not known.
 */
export function machineValues(health: MachineHealth, trainerMemoryBytes: number | null): Record<string, number> {
  const values: Record<string, number | null> = {
    'machine/processorLoad': health.processorLoad,
    'machine/processorTemperatureCelsius': health.processorTemperatureCelsius,
    'machine/memoryUsedBytes': health.memoryBytes - health.memoryFreeBytes,
    'machine/trainerMemoryBytes': trainerMemoryBytes,
    'machine/diskFreeBytes': health.diskFreeBytes,
  };
  health.gpus.forEach((gpu, index) => {
    values[`machine/gpu${index}/load`] = gpu.load;
    values[`machine/gpu${index}/memoryUsedBytes`] = gpu.memoryUsedBytes;
    values[`machine/gpu${index}/temperatureCelsius`] = gpu.temperatureCelsius;
  });
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null && Number.isFinite(entry[1])),
  );
}
