import type { MachineHealth } from '#shared/domain/machineHealth.ts';

/** A workstation with one card at work. */
export const exampleHealth: MachineHealth = {
  at: '2026-01-01T00:00:00.000Z',
  processorLoad: 0.42,
  processorTemperatureCelsius: 61,
  memoryBytes: 32e9,
  memoryFreeBytes: 20e9,
  diskBytes: 500e9,
  diskFreeBytes: 200e9,
  gpus: [{ name: 'RTX 4090', load: 0.87, memoryUsedBytes: 10e9, memoryBytes: 24e9, temperatureCelsius: 71 }],
};
