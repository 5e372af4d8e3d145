import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHealthProbe, type HealthProbe, type ProcessorTimes } from '#main/health/healthProbe.ts';

let directory: string;
let atMs: number;
let times: ProcessorTimes[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-health-'));
  atMs = Date.UTC(2026, 0, 1);
  times = [
    { busyMs: 0, totalMs: 1000 },
    { busyMs: 300, totalMs: 2000 },
    { busyMs: 1050, totalMs: 3000 },
  ];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
}

function openProbe(): HealthProbe {
  return createHealthProbe({
    labDirectory: directory,
    environment: { PATH: join(directory, 'bin') },
    systemRoot: directory,
    processorTimes: () => times.shift() ?? { busyMs: 0, totalMs: 0 },
    now: () => new Date(atMs),
  });
}

describe('a reading of the machine', () => {
  it('says how busy its cores were since the reading before, and what memory and disk have', async () => {
    const probe = openProbe();
    const first = await probe();
    expect(first).toMatchObject({ at: '2026-01-01T00:00:00.000Z', processorLoad: 0.3, gpus: [] });
    expect(first.processorTemperatureCelsius).toBeNull();
    expect(first.memoryBytes).toBeLessThanOrEqual(totalmem());
    expect(first.memoryFreeBytes).toBeGreaterThan(0);
    expect(first.memoryFreeBytes).toBeLessThanOrEqual(first.memoryBytes);
    expect(first.diskFreeBytes).toBeGreaterThan(0);
    expect(first.diskFreeBytes).toBeLessThanOrEqual(first.diskBytes ?? 0);
    atMs += 5000;
    expect((await probe()).processorLoad).toBe(0.75);
  });

  it('measures the load anew where the reading before is old', async () => {
    times.push({ busyMs: 1100, totalMs: 3200 });
    const probe = openProbe();
    await probe();
    atMs += 60_000;
    // From the third of the times to the fourth.
    expect((await probe()).processorLoad).toBe(0.25);
  });

  it('takes the hottest of the processor’s sensors', async () => {
    await put({
      'sys/class/hwmon/hwmon0/name': 'nvme\n',
      'sys/class/hwmon/hwmon0/temp1_input': '88000\n',
      'sys/class/hwmon/hwmon1/name': 'coretemp\n',
      'sys/class/hwmon/hwmon1/temp1_input': '61000\n',
      'sys/class/hwmon/hwmon1/temp2_input': '64500\n',
      'sys/class/hwmon/hwmon1/temp2_max': '100000\n',
      'sys/class/thermal/thermal_zone0/type': 'x86_pkg_temp\n',
      'sys/class/thermal/thermal_zone0/temp': '99000\n',
    });
    expect((await openProbe()()).processorTemperatureCelsius).toBe(64.5);
    await rm(join(directory, 'sys/class/hwmon'), { recursive: true });
    expect((await openProbe()()).processorTemperatureCelsius).toBe(99);
  });

  it.runIf(process.platform !== 'win32')('asks the driver of NVIDIA cards, as far as they tell', async () => {
    await put({
      'bin/nvidia-smi':
        '#!/bin/sh\necho "NVIDIA GeForce RTX 4090, 87, 10240, 24564, 71"\necho "Tesla K80, [N/A], 2, 11441, [N/A]"\n',
    });
    await chmod(join(directory, 'bin/nvidia-smi'), 0o755);
    expect((await openProbe()()).gpus).toEqual([
      {
        name: 'NVIDIA GeForce RTX 4090',
        load: 0.87,
        memoryUsedBytes: 10_737_418_240,
        memoryBytes: 25_757_220_864,
        temperatureCelsius: 71,
      },
      {
        name: 'Tesla K80',
        load: null,
        memoryUsedBytes: 2_097_152,
        memoryBytes: 11_996_758_016,
        temperatureCelsius: null,
      },
    ]);
  });

  it.runIf(process.platform !== 'win32')('does without a driver’s tool that fails', async () => {
    await put({ 'bin/nvidia-smi': '#!/bin/sh\necho "Failed to initialize NVML" >&2\nexit 9\n' });
    await chmod(join(directory, 'bin/nvidia-smi'), 0o755);
    expect(await openProbe()()).toMatchObject({ gpus: [], processorLoad: 0.3 });
  });

  it('knows nothing of a disk that is gone, and all the rest', async () => {
    await rm(directory, { recursive: true });
    expect(await openProbe()()).toMatchObject({ diskBytes: null, diskFreeBytes: null, processorLoad: 0.3 });
  });
});
