import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Environment } from './engineCache.ts';

/** CUDA 12 runs on this driver and on every newer one. */
export const oldestDriverMajor = 525;

export interface NvidiaDriver {
  /** `550.54.15`; null where it cannot be told. */
  version: string | null;
  /** False in a container without access to the card: the kernel's part is there, the library is not. */
  libraryFound: boolean;
}

/** What decides which engines can run here. */
export interface Machine {
  platform: string;
  architecture: string;
  nvidiaDriver: NvidiaDriver | null;
}

export async function describeMachine(environment: Environment): Promise<Machine> {
  return {
    platform: process.platform,
    architecture: process.arch,
    nvidiaDriver: process.platform === 'linux' ? await findNvidiaDriver(environment) : null,
  };
}

/** Version out of the driver's own file, in the words of the closed and of the open kernel module. */
export function parseDriverVersion(text: string): string | null {
  return /(?:Kernel Module|Kernel Module for \S+)\s+(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1] ?? null;
}

async function findNvidiaDriver(environment: Environment): Promise<NvidiaDriver | null> {
  const [kernelText, libraryFound] = await Promise.all([
    readFile('/proc/driver/nvidia/version', 'utf8').catch(() => null),
    isCudaLibraryThere(environment),
  ]);
  if (kernelText !== null) return { version: parseDriverVersion(kernelText), libraryFound };
  // Windows' Linux subsystem has the library and the tool, and no such file.
  if (libraryFound) return { version: await askDriverTool(environment), libraryFound };
  return null;
}

async function isCudaLibraryThere(environment: Environment): Promise<boolean> {
  const directories = [
    ...(environment['LD_LIBRARY_PATH'] ?? '').split(':').filter((directory) => directory !== ''),
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib64',
    '/usr/lib',
    '/usr/local/nvidia/lib64',
    '/usr/lib/wsl/lib',
    '/run/opengl-driver/lib',
  ];
  const found = await Promise.all(
    directories.map((directory) =>
      access(join(directory, 'libcuda.so.1')).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

async function askDriverTool(environment: Environment): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(
      'nvidia-smi',
      ['--query-gpu=driver_version', '--format=csv,noheader'],
      { env: environment, timeout: 5_000 },
    );
    return /\d+\.\d+(?:\.\d+)?/.exec(stdout)?.[0] ?? null;
  } catch {
    return null;
  }
}

/** Why the CUDA build cannot be used here, in one sentence; null where it can. */
export function explainNoCuda({ nvidiaDriver }: Machine): string | null {
  if (nvidiaDriver === null) return 'No NVIDIA driver was found.';
  const major = Number.parseInt(nvidiaDriver.version ?? '', 10);
  if (major < oldestDriverMajor) {
    return `The NVIDIA driver ${nvidiaDriver.version ?? ''} is too old for CUDA 12, which needs ${oldestDriverMajor} or newer.`;
  }
  if (!nvidiaDriver.libraryFound) {
    return 'An NVIDIA driver is loaded, but its library libcuda.so.1 is not here; in a container, start it with access to the card.';
  }
  return null;
}
