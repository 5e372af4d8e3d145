import { execFile, spawn } from 'node:child_process';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import type { Environment } from './engineCache.ts';
import type { EnginePackage, WheelPin } from './enginePackages.ts';

/** A way to run pip. */
export interface PipCommand {
  command: string;
  /** Before pip's own arguments. */
  prefix: string[];
  version: string;
}

/** Older versions do not know the platform tags. */
const oldestPipMajor = 21;
const pollMs = 250;
const carriedHint = `Or fetch the wheel on another machine and give it to ${labCommand('engines install --from FILE')}.`;

/** Prints the path of the pip that Python carries for making environments, also where pip itself is not installed. */
const findBundledPip = `
import glob, os
places = ['/usr/share/python-wheels']
try:
    import ensurepip
    places.insert(0, os.path.join(os.path.dirname(ensurepip.__file__), '_bundled'))
except ImportError:
    pass
print(next(iter(sorted(f for p in places for f in glob.glob(os.path.join(p, 'pip-*.whl')))), ''))
`;

/**
 * Finds a pip that is new enough: as a module of Python, as a command, or the one Python carries.
 * @throws LabError `downloadFailed` where there is none.
 */
export async function findPip(environment: Environment): Promise<PipCommand> {
  const pythons = ['python3', 'python'];
  const candidates = [
    ...pythons.map((command) => ({ command, prefix: ['-m', 'pip'] })),
    ...['pip3', 'pip'].map((command) => ({ command, prefix: [] as string[] })),
  ];
  const tooOld = new Set<string>();
  const test = async ({ command, prefix }: { command: string; prefix: string[] }): Promise<PipCommand | null> => {
    const version = /^pip (\S+)/.exec((await ask(command, [...prefix, '--version'], environment)) ?? '')?.[1];
    if (version === undefined) return null;
    if (Number.parseInt(version, 10) >= oldestPipMajor) return { command, prefix, version };
    tooOld.add(version);
    return null;
  };
  for (const candidate of candidates) {
    const found = await test(candidate);
    if (found !== null) return found;
  }
  for (const command of pythons) {
    const wheel = (await ask(command, ['-c', findBundledPip], environment))?.trim();
    const found = wheel ? await test({ command, prefix: [`${wheel}/pip`] }) : null;
    if (found !== null) return found;
  }
  throw new LabError(
    'downloadFailed',
    tooOld.size === 0
      ? 'TensorFlow is downloaded with pip, and neither pip nor a Python that brings it was found.'
      : `TensorFlow is downloaded with pip ${oldestPipMajor} or newer, and only version ${[...tooOld].join(', ')} was found.`,
    `Install Python 3 with pip and try again. ${carriedHint}`,
  );
}

async function ask(command: string, args: string[], environment: Environment): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { env: environment, timeout: 30_000 });
    return stdout;
  } catch {
    return null;
  }
}

export interface DownloadOptions {
  environment: Environment;
  /** Where the wheel is to be. */
  directory: string;
  /** For pip alone; what is left in it is the caller's to remove. */
  temporaryDirectory: string;
  /** About four times a second. */
  onBytes: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Downloads one wheel, whatever Python and platform pip runs on; pip checks its hash.
 * @throws LabError `downloadFailed`, `diskFull` or `cancelled`.
 */
export async function downloadWheel(
  pip: PipCommand,
  wheel: WheelPin,
  enginePackage: EnginePackage,
  options: DownloadOptions,
): Promise<void> {
  const requirements = join(options.temporaryDirectory, 'requirements.txt');
  await writeFile(requirements, `${wheel.project}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  const args = [
    ...[...pip.prefix, 'download', '--no-deps', '--only-binary=:all:', '--require-hashes'],
    ...['--python-version', '3.11', '--implementation', 'cp'],
    ...enginePackage.pipPlatforms.flatMap((platform) => ['--platform', platform]),
    ...['--progress-bar', 'off', '--no-cache-dir', '--disable-pip-version-check', '--no-input'],
    ...['-d', options.directory, '-r', requirements],
  ];
  const child = spawn(pip.command, args, {
    // What the user set for pip (an index, a proxy, certificates) holds.
    env: {
      PIP_RETRIES: '2',
      PIP_DEFAULT_TIMEOUT: '30',
      ...options.environment,
      TMPDIR: options.temporaryDirectory,
      PIP_REQUIRE_VIRTUALENV: '0',
      PYTHONUNBUFFERED: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (text: Buffer): void => {
    output = (output + text.toString()).slice(-20_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const kill = (): void => void child.kill('SIGKILL');
  // Neither a cancelled download nor one whose process ends may go on by itself.
  options.signal?.addEventListener('abort', kill, { once: true });
  process.once('exit', kill);
  if (options.signal?.aborted) kill();
  let polling = false;
  const timer = setInterval(() => {
    if (polling) return;
    polling = true;
    void largestFile([options.temporaryDirectory, options.directory], wheel.fileName)
      .then((bytes) => options.onBytes(Math.min(bytes, wheel.bytes)))
      .finally(() => (polling = false));
  }, pollMs);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (options.signal?.aborted) throw cancelledDownload();
    if (status !== 0) throw explainPipFailure(output, wheel, pip);
  } finally {
    clearInterval(timer);
    process.off('exit', kill);
    options.signal?.removeEventListener('abort', kill);
  }
}

export function cancelledDownload(): LabError {
  return new LabError('cancelled', 'The download was stopped.', 'Start it again when you are ready.');
}

/** Every version of pip lets the wheel grow in a folder below its temporary one, under its own name. */
async function largestFile(directories: string[], fileName: string): Promise<number> {
  let largest = 0;
  for (const directory of directories) {
    const entries = await readdir(directory, { recursive: true }).catch(() => []);
    for (const entry of entries.filter((name) => name.endsWith(fileName))) {
      const bytes = await stat(join(directory, entry)).then(
        (status) => status.size,
        () => 0,
      );
      largest = Math.max(largest, bytes);
    }
  }
  return largest;
}

/** Turns what pip printed into one sentence and a way out. */
export function explainPipFailure(output: string, wheel: WheelPin, pip: PipCommand): LabError {
  const what = `${wheel.project} ${wheel.version}`;
  if (/No space left|Errno 28|Disk quota/i.test(output)) {
    return new LabError(
      'diskFull',
      `The disk is full: ${what} could not be downloaded.`,
      'Free some space, or let NORMLAB_ENGINE_DIR name a folder on another disk.',
      output,
    );
  }
  if (/DO NOT MATCH THE HASHES|Hashes? mismatch|Expected sha256/i.test(output)) {
    return new LabError(
      'downloadFailed',
      `What came for ${what} is not what was expected: the download broke off or the file was changed.`,
      `Try again; if it happens again, the package source that pip is set up with offers another file. ${carriedHint}`,
      output,
    );
  }
  if (
    /Retrying \(|Connection|timed out|Temporary failure|Name or service not known|ProxyError|SSLError|IncompleteRead|IncompleteDownload|HTTPError/i.test(
      output,
    )
  ) {
    return new LabError(
      'downloadFailed',
      `${what} could not be downloaded: no connection to the package source.`,
      `Connect to the network, or set pip's proxy or index, and try again. ${carriedHint}`,
      output,
    );
  }
  if (/No matching distribution|Could not find a version/i.test(output)) {
    return new LabError(
      'downloadFailed',
      `The package source that pip ${pip.version} is set up with does not offer ${what}.`,
      `Check pip's index settings and try again. ${carriedHint}`,
      output,
    );
  }
  return new LabError(
    'downloadFailed',
    `pip ${pip.version} could not download ${what}.`,
    `See the details in the log and try again. ${carriedHint}`,
    output,
  );
}
