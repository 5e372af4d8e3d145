import { describe, expect, it } from 'vitest';
import type { LabContract } from '#main/contract/labContract.ts';
import type { MachineStatus } from '#shared/contract.ts';
import { exampleHealth } from '../health/exampleHealth.ts';
import { openTestLab, tinyExperiment, until } from './testLab.ts';

const oneRun = { ...tinyExperiment, vary: [], seeds: [1] };

async function whenEnded({ lab }: LabContract, runs: readonly { id: string }[]): Promise<void> {
  await lab.runs.whenEnded(runs.map(({ id }) => id));
}

describe('the health of the machine', () => {
  it('is stored with a run, at the steps that it had reached, and is told while it trains', async () => {
    const contract = await openTestLab({ healthProbe: () => Promise.resolve(exampleHealth) });
    const { client } = contract;
    const told: MachineStatus[] = [];
    client.subscribe('healthChanged', (status) => told.push(status));
    const { runs } = await client.invoke('experiments.create', { document: oneRun });
    await whenEnded(contract, runs);
    const [{ id } = { id: '' }] = runs;
    const [list] = await client.invoke('metrics.list', { runIds: [id] });
    expect(list?.series.filter((name) => name.startsWith('machine/'))).toEqual([
      'machine/diskFreeBytes',
      'machine/gpu0/load',
      'machine/gpu0/memoryUsedBytes',
      'machine/gpu0/temperatureCelsius',
      'machine/memoryUsedBytes',
      'machine/processorLoad',
      'machine/processorTemperatureCelsius',
      'machine/trainerMemoryBytes',
    ]);
    const read = async (series: string): Promise<(number | null)[]> => {
      const [slice] = await client.invoke('metrics.read', { requests: [{ runId: id, series }] });
      expect(slice?.steps).toHaveLength(1);
      return slice?.values ?? [];
    };
    // One reading, one point: the interval is longer than this run.
    expect(await read('machine/processorLoad')).toEqual([0.42]);
    expect(await read('machine/memoryUsedBytes')).toEqual([12e9]);
    await until(contract, () => told.length > 0);
    expect(told[0]).toEqual({ health: exampleHealth, warnings: [] });
    expect(await client.invoke('machine.health', {})).toEqual({ health: exampleHealth, warnings: [] });
  });
});

describe('a disk that fills', () => {
  it('is warned of before, with what the queue still writes', async () => {
    const contract = await openTestLab({
      behaviour: 'endless',
      healthProbe: () => Promise.resolve({ ...exampleHealth, diskFreeBytes: 501e6 }),
    });
    const { client } = contract;
    expect((await client.invoke('machine.health', {})).warnings).toEqual([]);
    await client.invoke('experiments.create', { document: tinyExperiment });
    const [status] = await Promise.all([nextStatus(contract), contract.lab.health.read()]);
    expect(status.warnings).toMatchObject([
      {
        code: 'diskFull',
        message: expect.stringMatching(/501 MB are free; the 4 runs .* about \d+(\.\d)? MB/) as string,
      },
    ]);
  });
});

/** The next reading that is told. */
async function nextStatus(contract: LabContract): Promise<MachineStatus> {
  const next = Promise.withResolvers<MachineStatus>();
  const end = contract.client.subscribe('healthChanged', next.resolve);
  try {
    return await next.promise;
  } finally {
    end();
  }
}
