import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url));

/** Stands for npm: writes down that it was called, and installs this Node as the platform's package. */
const fakeNpm = `
const fs = require('node:fs'), path = require('node:path');
fs.appendFileSync('npm-calls', process.argv[2] + '\\n');
const mode = fs.readFileSync('npm-mode', 'utf8');
if (mode === 'hang') {
  // As npm does, which takes back all that it installed before it ends.
  process.on('SIGTERM', () => {});
  setInterval(() => {}, 1000);
}
else if (mode !== 'ok') { console.error('npm error code X\\nnpm error ' + mode); process.exit(1); }
else {
  fs.rmSync('node_modules', { recursive: true, force: true });
  const name = 'node-' + (process.platform === 'win32' ? 'win' : process.platform) + '-' + process.arch;
  fs.mkdirSync(path.join('node_modules', name, 'bin'), { recursive: true });
  fs.symlinkSync(process.execPath, path.join('node_modules', name, 'bin', 'node'));
  const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
  fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/a': packages['node_modules/a'] } }));
}
`;

const program = `
const command = process.argv[2];
if (command === 'fail') process.exit(3);
if (command === 'wait') {
  process.on('SIGINT', () => { console.log('interrupted'); process.exit(7); });
  process.on('SIGTERM', () => { console.log('ended'); process.exit(8); });
  setInterval(() => {}, 1000);
}
console.log(JSON.stringify({ arguments: process.argv.slice(2), calledFrom: process.env['INIT_CWD'] }));
`;

let directory: string;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'normlab-setup-')));
  await cp(scripts, join(directory, 'scripts'), { recursive: true });
  await mkdir(join(directory, 'src/main'), { recursive: true });
  await writeFile(join(directory, 'src/main/cli.ts'), program);
  await writeFile(join(directory, 'npm-cli.js'), fakeNpm);
  await writeFile(join(directory, 'package.json'), '{}');
  await writeLockFile('1.0.0');
  await setNpm('ok');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const setNpm = (mode: string) => writeFile(join(directory, 'npm-mode'), mode);
const writeLockFile = (version: string) =>
  writeFile(
    join(directory, 'package-lock.json'),
    JSON.stringify({ packages: { '': {}, 'node_modules/a': { version }, 'node_modules/b': { optional: true } } }),
  );
const npmCalls = async () =>
  (await readFile(join(directory, 'npm-calls'), 'utf8').catch(() => '')).split('\n').slice(0, -1);

function start(args: string[], cwd = directory, script = 'lab.mjs') {
  const child = spawn(process.execPath, [join(directory, 'scripts', script), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], npm_execpath: join(directory, 'npm-cli.js') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()));
  const ended = new Promise<typeof output & { code: number | null }>((resolve) => {
    child.once('close', (code) => resolve({ ...output, code }));
  });
  return { child, output, ended };
}
const run = (...parameters: Parameters<typeof start>) => start(...parameters).ended;

describe('set-up', () => {
  it('installs the dependencies once and keeps stdout for the program', async () => {
    const first = await run(['train', '--preset', 'quickstart']);
    expect(JSON.parse(first.stdout)).toEqual({
      arguments: ['train', '--preset', 'quickstart'],
      calledFrom: directory,
    });
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('Installing the dependencies') as string });
    expect(await run(['x'])).toMatchObject({ code: 0, stderr: '' });
    expect(await npmCalls()).toEqual(['ci']);
  });

  it('runs from any folder and tells the program which', async () => {
    await run([]);
    const { stdout } = await run(['x'], join(directory, 'src'));
    expect(JSON.parse(stdout)).toMatchObject({ calledFrom: join(directory, 'src') });
    expect(JSON.parse((await run(['--a'], directory, 'start.mjs')).stdout)).toMatchObject({
      arguments: ['start', '--a'],
    });
  });

  it('installs anew when the lock file asks for something else', async () => {
    await run([]);
    await writeLockFile('1.0.1');
    await run([]);
    expect(await npmCalls()).toEqual(['ci', 'ci']);
  });

  it('takes what npm itself has installed exactly by the lock file', async () => {
    await run([]);
    await rm(join(directory, 'node_modules/.normlab-stamp'));
    expect((await run([])).code).toBe(0);
    expect(await npmCalls()).toEqual(['ci']);
    expect(await readdir(join(directory, 'node_modules'))).toContain('.normlab-stamp');
  });

  it('is done by one of two that start at once', async () => {
    const both = await Promise.all([run(['a']), run(['b'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(await npmCalls()).toEqual(['ci']);
    expect(await readdir(join(directory, 'out'))).toEqual([]);
  });

  it('goes on after it was interrupted', async () => {
    await setNpm('hang');
    const { child, ended } = start([]);
    await vi.waitFor(async () => expect(await npmCalls()).toEqual(['ci']));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('Run the command again') as string,
    });
    await setNpm('ok');
    expect((await run([])).code).toBe(0);
  });

  it('takes over from a process that was killed', async () => {
    const lock = join(directory, 'out/setup.lock');
    await mkdir(lock, { recursive: true });
    // A process of this number started at another time.
    const owner = { pid: process.pid, host: hostname(), startTime: '1' };
    await writeFile(join(lock, 'owner.json'), JSON.stringify(owner));
    expect((await run([])).code).toBe(0);
    expect(await readdir(join(directory, 'out'))).toEqual([]);
  });

  it.each([
    ['request to a registry failed, reason: getaddrinfo ENOTFOUND', 'no connection'],
    ['ENOSPC: no space left on device', 'The disk is full'],
    ['EACCES: permission denied', 'may not write'],
    ['something new', 'npm ci ended with status 1: something new'],
  ])('says in one sentence why it failed: %s', async (reason, words) => {
    await setNpm(reason);
    const { code, stdout, stderr } = await run([]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('    at ');
    expect(await readdir(join(directory, 'out'))).toEqual([]);
  });

  it('gives the program’s exit status and passes signals on', async () => {
    expect((await run(['fail'])).code).toBe(3);
    const { child, output, ended } = start(['wait']);
    await vi.waitFor(() => expect(output.stdout).toContain('wait'));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 7, stdout: expect.stringContaining('interrupted') as string });
  });

  it.skipIf(process.platform === 'win32')('ends the program when npm’s shell ends (not on Windows)', async () => {
    await run([]);
    // What stands behind the command keeps the shell from becoming it.
    const script = `"${process.execPath}" "${join(directory, 'scripts/lab.mjs')}" wait; true`;
    const shell = spawn('sh', ['-c', script], {
      cwd: directory,
      env: { PATH: process.env['PATH'], npm_lifecycle_event: 'lab' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let stdout = '';
    shell.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    await vi.waitFor(() => expect(stdout).toContain('wait'));
    shell.kill('SIGKILL');
    await vi.waitFor(() => expect(stdout).toContain('ended'), { timeout: 10_000 });
  });
});
