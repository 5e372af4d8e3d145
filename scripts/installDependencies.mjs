// Runs `npm ci` with progress, and says in one sentence why it failed where it does.
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import path from 'node:path';
import { SetupError } from './setupError.mjs';

/** What the dependencies take on disk, about; for the progress only. */
const expectedBytes = 780e6;
const neededBytes = 900e6;
const progressIntervalMs = process.stderr.isTTY ? 1_000 : 10_000;
const networkHint = 'Connect to the network (or set the proxy that npm is to use) and run the command again.';

/**
 * @param {string} directory The project's.
 * @param {(pid: number) => void} onStart Told npm's process id.
 */
export async function installDependencies(directory, onStart) {
  checkWritable(directory);
  if (freeBytes(directory) < neededBytes) throw diskFull(directory);
  const note = 'once, and after an update; about 0.2 GB to download, 0.7 GB on disk';
  process.stderr.write(`Installing the dependencies (${note}) …\n`);
  const startedMs = Date.now();
  const { command, prefix, shell } = findNpm();
  const args = [
    ...prefix,
    'ci',
    '--ignore-scripts',
    '--include=optional',
    '--include=dev',
    '--no-progress',
    '--fetch-retries=1',
    '--fetch-retry-mintimeout=1000',
    '--fetch-retry-maxtimeout=5000',
    '--loglevel=error',
  ];
  const child = spawn(command, args, { cwd: directory, shell, stdio: ['ignore', 'ignore', 'pipe'] });
  if (child.pid !== undefined) onStart(child.pid);
  let errors = '';
  child.stderr.on('data', (text) => (errors = (errors + text).slice(-20_000)));
  const progress = setInterval(() => showProgress(path.join(directory, 'node_modules'), startedMs), progressIntervalMs);
  // Stop npm too, wait for its end, and leave the lock free. Asked to end, npm first installs to the end and then
  // takes all of it back, for minutes; what it leaves when it is killed, the next `npm ci` removes.
  let interrupted = false;
  const stop = () => {
    interrupted = true;
    child.kill('SIGKILL');
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, stop);
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', (error) => reject(explainSpawn(error)));
      child.once('close', resolve);
    });
    if (interrupted) {
      throw new SetupError('Set-up was interrupted.', 'Run the command again; it starts over where it has to.');
    }
    // npm leaves out what it may, also for lack of space, and calls that a success.
    if (freeBytes(directory) < 1e6) throw diskFull(directory);
    if (code !== 0) throw explainFailure(errors, code, directory);
  } finally {
    clearInterval(progress);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    for (const signal of signals) process.off(signal, stop);
  }
  process.stderr.write(`Dependencies installed in ${Math.round((Date.now() - startedMs) / 1000)} s.\n`);
}

/** `fs.statfsSync` came with Node 18.15. */
function freeBytes(directory) {
  if (fs.statfsSync === undefined) return Infinity;
  const { bavail, bsize } = fs.statfsSync(directory);
  return bavail * bsize;
}

function diskFull(directory) {
  return new SetupError(
    `The disk is full: the dependencies need ${megabytes(neededBytes)}, and ${megabytes(freeBytes(directory))} are free.`,
    'Free some space, or clone to another disk, and run the command again.',
  );
}

function checkWritable(directory) {
  try {
    fs.accessSync(directory, fs.constants.W_OK);
    fs.mkdirSync(path.join(directory, 'node_modules'), { recursive: true });
    fs.accessSync(path.join(directory, 'node_modules'), fs.constants.W_OK);
  } catch (error) {
    throw new SetupError(
      `The project's folder cannot be written (${error.code}): ${directory}`,
      'Use a clone that you may write to.',
    );
  }
}

/** The npm that runs us, else the one beside this Node, else the one on the path. */
function findNpm() {
  const nodeDirectory = path.dirname(process.execPath);
  const candidates = [
    process.env.npm_execpath,
    path.join(nodeDirectory, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    path.join(nodeDirectory, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  const script = candidates.find((file) => file !== undefined && /npm-cli\.[cm]?js$/.test(file) && fs.existsSync(file));
  if (script !== undefined) return { command: process.execPath, prefix: [script], shell: false };
  return { command: 'npm', prefix: [], shell: process.platform === 'win32' };
}

function explainSpawn(error) {
  if (error.code === 'ENOENT') {
    return new SetupError('npm was not found.', 'Install npm (it comes with Node) and run the command again.');
  }
  return new SetupError(
    `npm could not be started (${error.code ?? error.message}).`,
    'Check the installation of Node.',
  );
}

function explainFailure(errors, code, directory) {
  const has = (pattern) => pattern.test(errors);
  if (has(/ENOSPC|EDQUOT/)) {
    return diskFull(directory);
  }
  if (has(/EACCES|EPERM|EROFS/)) {
    return new SetupError(
      'npm may not write to its cache or to the project’s folder.',
      `Use a clone and an npm cache that you may write to. npm says: ${firstErrorLine(errors)}`,
    );
  }
  if (
    has(
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENOTCACHED|E50[234]/,
    )
  ) {
    return new SetupError('The dependencies could not be downloaded: no connection.', networkHint);
  }
  if (has(/command not found|not recognized as an internal/)) {
    return new SetupError('npm was not found.', 'Install npm (it comes with Node) and run the command again.');
  }
  return new SetupError(
    `npm ci ended with status ${code}: ${firstErrorLine(errors)}`,
    'Run the command again; if it fails again, run `npm ci` to see all that it says.',
  );
}

function firstErrorLine(errors) {
  const lines = errors.split('\n').map((line) => line.replace(/^npm (error|ERR!)\s*/, '').trim());
  return lines.find((line) => line !== '' && !/^code\b/.test(line)) ?? 'no reason given';
}

function showProgress(directory, startedMs) {
  const bytes = sizeOf(directory);
  const seconds = (Date.now() - startedMs) / 1000;
  const rate = bytes / seconds;
  // The first files are small and slow, and tell nothing about the rest.
  const left = bytes > expectedBytes / 20 ? Math.max(1, Math.round((expectedBytes - bytes) / rate)) : null;
  const time = left === null ? '' : `, about ${left < 120 ? `${left} s` : `${Math.round(left / 60)} min`} left`;
  const text = `  ${megabytes(bytes)} of about ${megabytes(expectedBytes)}, ${(rate / 1e6).toFixed(1)} MB/s${time}`;
  process.stderr.write(process.stderr.isTTY ? `\r${text}\x1b[K` : `${text}\n`);
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

function sizeOf(directory) {
  let bytes = 0;
  try {
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      const file = path.join(directory, entry.name);
      if (entry.isDirectory()) bytes += sizeOf(file);
      else if (entry.isFile()) bytes += fs.lstatSync(file).size;
    }
  } catch {
    // npm moves folders while we look.
  }
  return bytes;
}
