import { execFile } from 'node:child_process';
import { readdir, readFile, statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemErrorCode } from '#files/fileErrors.ts';
import type { GpuHealth, MachineHealth } from '#shared/domain/machineHealth.ts';

/** Reads how the machine is; never rejects for what cannot be told. */
export type HealthProbe = () => Promise<MachineHealth>;

/** Times since the machine started, summed over its cores, in milliseconds. */
export interface ProcessorTimes {
  busyMs: number;
  totalMs: number;
}

export interface HealthProbeOptions {
  labDirectory: string;
  /** Where `nvidia-smi` is looked for. */
  environment: NodeJS.ProcessEnv;
  /** Root of the file system, for the kernel's sensors. */
  systemRoot?: string;
  processorTimes?: () => ProcessorTimes;
  now?: () => Date;
}

/** Load over a longer time says nothing about now: it is measured anew over the shorter one. */
const longestLoadIntervalMs = 30_000;
const shortestLoadIntervalMs = 200;
/** A tool that hangs holds up one reading, not all. */
const toolTimeoutMs = 4000;

/**
 * Probes this machine with what Node and the kernel tell, and NVIDIA cards with their driver's
 * `nvidia-smi` where it is there.
 */
export function createHealthProbe(options: HealthProbeOptions): HealthProbe {
  const {
    labDirectory,
    environment,
    systemRoot = '/',
    processorTimes = readProcessorTimes,
    now = () => new Date(),
  } = options;
  let before: { atMs: number; times: ProcessorTimes } | null = null;
  let sensors: Promise<string[]> | null = null;
  let hasDriverTool = true;

  async function readLoad(): Promise<number | null> {
    if (before === null || now().getTime() - before.atMs > longestLoadIntervalMs) {
      before = { atMs: now().getTime(), times: processorTimes() };
      await delay(shortestLoadIntervalMs);
    }
    const times = processorTimes();
    const load = loadBetween(before.times, times);
    before = { atMs: now().getTime(), times };
    return load;
  }

  async function readGpus(): Promise<GpuHealth[]> {
    if (!hasDriverTool) return [];
    try {
      const query = ['--query-gpu=name,utilization.gpu,memory.used,memory.total,temperature.gpu'];
      const { stdout } = await promisify(execFile)('nvidia-smi', [...query, '--format=csv,noheader,nounits'], {
        env: environment,
        timeout: toolTimeoutMs,
        windowsHide: true,
      });
      return parseGpus(stdout);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') hasDriverTool = false;
      return [];
    }
  }

  return async () => {
    const [load, celsius, disk, gpus] = await Promise.all([
      readLoad(),
      (sensors ??= findProcessorSensors(systemRoot)).then(readHottest),
      statfs(labDirectory).catch(() => null),
      readGpus(),
    ]);
    return {
      at: now().toISOString(),
      processorLoad: load,
      processorTemperatureCelsius: celsius,
      ...readMemory(),
      diskBytes: disk === null ? null : disk.blocks * disk.bsize,
      diskFreeBytes: disk === null ? null : disk.bavail * disk.bsize,
      gpus,
    };
  };
}

function readProcessorTimes(): ProcessorTimes {
  const times = cpus().map((core) => core.times);
  const idleMs = times.reduce((sum, { idle }) => sum + idle, 0);
  const totalMs = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { busyMs: totalMs - idleMs, totalMs };
}

/** Null where no time passed. */
function loadBetween(before: ProcessorTimes, after: ProcessorTimes): number | null {
  const totalMs = after.totalMs - before.totalMs;
  return totalMs > 0 ? Math.min(1, Math.max(0, (after.busyMs - before.busyMs) / totalMs)) : null;
}

/** Within the limit of the container, where there is one. */
function readMemory(): Pick<MachineHealth, 'memoryBytes' | 'memoryFreeBytes'> {
  const limit = process.constrainedMemory();
  const isLimited = limit > 0 && limit < totalmem();
  const memoryFreeBytes = isLimited ? Math.min(freemem(), process.availableMemory()) : freemem();
  return { memoryBytes: isLimited ? limit : totalmem(), memoryFreeBytes };
}

const processorChips = new Set(['coretemp', 'k10temp', 'zenpower', 'cpu_thermal']);
const processorZones = /^(x86_pkg_temp|cpu|soc|acpitz)/;

/** Files with the processor's temperatures in thousandths of a degree Celsius; empty where there are none. */
async function findProcessorSensors(systemRoot: string): Promise<string[]> {
  const chips = await findFolders(join(systemRoot, 'sys/class/hwmon'), 'name', (name) => processorChips.has(name));
  const inputs = await Promise.all(
    chips.map(async (chip) => {
      const files = await readdir(chip).catch(() => []);
      return files.filter((file) => /^temp\d+_input$/.test(file)).map((file) => join(chip, file));
    }),
  );
  if (inputs.flat().length > 0) return inputs.flat();
  const zones = await findFolders(join(systemRoot, 'sys/class/thermal'), 'type', (type) => processorZones.test(type));
  return zones.map((zone) => join(zone, 'temp'));
}

async function findFolders(parent: string, file: string, fits: (text: string) => boolean): Promise<string[]> {
  const folders = (await readdir(parent).catch(() => [])).sort().map((name) => join(parent, name));
  const texts = await Promise.all(folders.map((folder) => readFile(join(folder, file), 'utf8').catch(() => '')));
  return folders.filter((_, index) => fits((texts[index] ?? '').trim()));
}

async function readHottest(files: readonly string[]): Promise<number | null> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  const celsius = texts.map((text) => (text.trim() === '' ? Number.NaN : Number(text) / 1000)).filter(Number.isFinite);
  return celsius.length === 0 ? null : Math.max(...celsius);
}

const bytesPerMebibyte = 1024 ** 2;

/** What `nvidia-smi` printed: a card a line; `[N/A]` where a card does not tell. */
function parseGpus(text: string): GpuHealth[] {
  const number = (field: string | undefined, scale: number): number | null => {
    const value = field === undefined || field.trim() === '' ? Number.NaN : Number(field) * scale;
    return Number.isFinite(value) ? value : null;
  };
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', load, memoryUsed, memory, celsius] = line.split(',');
      return {
        name: name.trim(),
        load: number(load, 0.01),
        memoryUsedBytes: number(memoryUsed, bytesPerMebibyte),
        memoryBytes: number(memory, bytesPerMebibyte),
        temperatureCelsius: number(celsius, 1),
      };
    });
}
