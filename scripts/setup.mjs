// Set-up shared by every command: exact dependencies and the right Node, whatever Node started us.
// Runs on Node 18 and newer with nothing installed. Prints to stderr only: stdout is the program's.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDependencies } from './installDependencies.mjs';
import { SetupError } from './setupError.mjs';
import { withSetupLock } from './setupLock.mjs';

export const projectDirectory = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/**
 * Makes `node_modules` hold exactly what the lock file asks for. Costs one small read where it does.
 * Safe when several processes start at once, and after an interruption.
 */
export async function ensureDependencies(directory = projectDirectory) {
  const lockText = readLockFile(directory);
  const stamp = stampOf(lockText);
  if (isStamped(directory, stamp)) return;
  if (matchesLockFile(directory, lockText)) {
    writeStamp(directory, stamp);
    return;
  }
  await withSetupLock(directory, async (addWorker) => {
    // Another process may have done it while this one waited.
    if (isStamped(directory, stamp)) return;
    rmSync(stampPath(directory), { force: true });
    if (!matchesLockFile(directory, lockText)) await installDependencies(directory, addWorker);
    if (hasPlatformNode()) checkPlatformNode(directory);
    writeStamp(directory, stamp);
  });
}

function readLockFile(directory) {
  try {
    return readFileSync(path.join(directory, 'package-lock.json'), 'utf8');
  } catch (error) {
    throw new SetupError(
      `package-lock.json cannot be read (${error.code ?? error.message}).`,
      'Clone the project again, or restore this file.',
    );
  }
}

const stampPath = (directory) => path.join(directory, 'node_modules', '.normlab-stamp');

function stampOf(lockText) {
  return createHash('sha256').update(`${lockText}\n${process.platform}-${process.arch}`).digest('hex');
}

function isStamped(directory, stamp) {
  try {
    return readFileSync(stampPath(directory), 'utf8') === stamp;
  } catch {
    return false;
  }
}

function writeStamp(directory, stamp) {
  const temporary = `${stampPath(directory)}.${process.pid}`;
  try {
    writeFileSync(temporary, stamp);
    renameSync(temporary, stampPath(directory));
  } catch {
    // A read-only installation works too; it is compared with the lock file at every start.
  }
}

/** True where npm's own record of what it installed agrees with the lock file, as after a plain `npm install`. */
function matchesLockFile(directory, lockText) {
  let wanted;
  let installed;
  try {
    wanted = JSON.parse(lockText).packages;
    // npm writes this record last, so an interrupted installation has none.
    installed = JSON.parse(readFileSync(path.join(directory, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === '') continue;
    const found = installed[name];
    if (found === undefined ? entry.optional !== true : found.version !== entry.version) return false;
    if (found !== undefined && found.integrity !== entry.integrity) return false;
  }
  if (Object.keys(installed).some((name) => wanted[name] === undefined)) return false;
  return !hasPlatformNode() || existsSync(platformNodePath(directory));
}

const platformNodes = ['linux-x64', 'linux-arm64', 'win-x64'];

function platformName() {
  return `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
}

const platformNodePackage = () => `node-${platformName()}`;
const hasPlatformNode = () => platformNodes.includes(platformName());

function platformNodePath(directory) {
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  return path.join(directory, 'node_modules', platformNodePackage(), 'bin', file);
}

/** npm passes over a platform package that it cannot fetch or write, so look whether ours works. */
function checkPlatformNode(directory) {
  const file = platformNodePath(directory);
  if (!existsSync(file)) {
    throw new SetupError(
      `The package that brings Node 24 (${platformNodePackage()}) could not be installed.`,
      'Check the network connection and the free space on the disk, and run the command again.',
    );
  }
  const { status } = spawnSync(file, ['--version'], { stdio: 'ignore' });
  if (status !== 0 && !isSuitableNode(process.versions.node)) throw unusableNode(file);
}

function unusableNode(file) {
  return new SetupError(
    `The Node 24 of the dependencies does not run on this system: ${file}`,
    'It needs glibc 2.28 or newer; install Node 24 yourself and run the command with it.',
  );
}

/** Node 24 runs TypeScript directly, without a warning from 24.3 on. */
export function isSuitableNode(version) {
  const [major, minor] = version.split('.').map(Number);
  return major === 24 && minor >= 3;
}

/** The Node that runs the program: this one where it is a Node 24, else the one from the dependencies. */
export function findNode(directory = projectDirectory) {
  if (isSuitableNode(process.versions.node)) return process.execPath;
  const file = platformNodePath(directory);
  if (existsSync(file)) return file;
  throw new SetupError(
    `NormLab needs Node 24, this is Node ${process.versions.node}, and npm has no Node for ${platformName()}.`,
    'Install Node 24 (24.3 or newer) and run the command with it.',
  );
}

/** Environment of the program: paths that the user gives are relative to where npm was called. */
export function programEnvironment(directory = projectDirectory) {
  return {
    NODE_COMPILE_CACHE: path.join(directory, 'node_modules', '.cache', 'compile'),
    ...process.env,
    INIT_CWD: process.env.INIT_CWD ?? process.cwd(),
  };
}

/**
 * Runs Node 24 with `args`, stdin and stderr inherited, and forwards signals.
 * @param {{ cwd?: string, stdout?: 'inherit' | 'stderr', env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>}
 */
export function runNode(args, options = {}) {
  const node = findNode();
  const child = spawn(node, args, {
    cwd: options.cwd,
    env: { ...programEnvironment(), ...options.env },
    stdio: ['inherit', options.stdout === 'stderr' ? 2 : 'inherit', 'inherit'],
  });
  const stopForwarding = forwardSignals(child);
  return new Promise((resolve, reject) => {
    child.once('error', () => {
      stopForwarding();
      reject(unusableNode(node));
    });
    child.once('exit', (code, signal) => {
      stopForwarding();
      resolve({ code, signal });
    });
  });
}

const parentPollMs = 250;

/** Ctrl+C on a terminal reaches the child by itself; npm repeats it; neither may count as a second one. */
function forwardSignals(child) {
  let lastInterruptMs = 0;
  let told = false;
  const tell = (signal) => {
    told = true;
    child.kill(signal);
  };
  const handlers = {
    SIGINT: () => {
      const nowMs = Date.now();
      told = true;
      if (!process.stdin.isTTY && nowMs - lastInterruptMs > 300) child.kill('SIGINT');
      lastInterruptMs = nowMs;
    },
    SIGTERM: () => tell('SIGTERM'),
    SIGHUP: () => tell('SIGHUP'),
  };
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler);
  // npm that is asked to end ends its shell, which tells nobody: without this the program would go on unseen.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return;
    clearInterval(watch);
    if (!told) child.kill('SIGTERM');
  }, parentPollMs);
  return () => {
    clearInterval(watch);
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler);
  };
}

/** Exit status of a shell for a child's end: its code, or 128 + the signal's number. */
export function exitStatus({ code, signal }) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

/** Runs `main` and turns an expected failure into one sentence and a hint on stderr. */
export async function runScript(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n${error.hint}\n`);
    process.exitCode = 1;
  }
}

/** Sets up, then runs the lab's command line with `args`. */
export function runLab(args) {
  return runScript(async () => {
    await ensureDependencies();
    return exitStatus(await runNode([path.join(projectDirectory, 'src', 'main', 'cli.ts'), ...args]));
  });
}
