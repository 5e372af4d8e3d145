import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { connectToOwner, findOwnerHost, removeOwnerHost } from '#main/web/ownerHost.ts';
import { serveLab, type ServeLabOptions } from '#main/web/serveLab.ts';
import { startWebHost } from '#main/web/startWebHost.ts';
import { addTinyDataset, fakeEngines, openTestLab, temporaryFolder, tinyExperiment } from '../contract/testLab.ts';
import { fakeLauncher } from '../runs/fakes.ts';

const entry = fileURLToPath(new URL('../../../src/main/web.ts', import.meta.url));

/** Serves a lab in this process; `stop` ends it. */
function serve(
  labDirectory: string,
  lines: string[] = [],
  options: Pick<Partial<ServeLabOptions>, 'show' | 'log'> = {},
): { ready: Promise<string>; stop: () => Promise<void> } {
  const abort = new AbortController();
  const ready = Promise.withResolvers<string>();
  const served = serveLab({
    labDirectory,
    launcher: fakeLauncher(),
    engines: fakeEngines(),
    port: 0,
    open: options.show !== undefined,
    print: (line) => {
      lines.push(line);
      ready.resolve(line);
    },
    log: () => undefined,
    ...options,
    signal: abort.signal,
  });
  served.catch(ready.reject);
  return {
    ready: ready.promise,
    async stop() {
      abort.abort();
      await served;
    },
  };
}

describe('serving a lab', () => {
  it('prints one line, and other processes become its clients', async () => {
    const labDirectory = await temporaryFolder();
    await addTinyDataset(labDirectory);
    expect(await connectToOwner(labDirectory)).toBeNull();
    const lines: string[] = [];
    const lab = serve(labDirectory, lines);
    const line = await lab.ready;
    expect(line).toMatch(/^NormLab is ready at http:\/\/127\.0\.0\.1:\d+\/#token=[A-Za-z0-9_-]{43}$/);
    expect((await stat(join(labDirectory, 'owner-host.json'))).mode & 0o777).toBe(0o600);

    const client = await connectToOwner(labDirectory);
    const { runs } = (await client?.invoke('experiments.create', { document: tinyExperiment })) ?? { runs: [] };
    expect(runs).toHaveLength(4);
    client?.close();

    // A second front door prints the first one's address and ends.
    const second = serve(labDirectory);
    expect(await second.ready).toBe(line);
    await second.stop();
    await lab.stop();
    expect(lines).toHaveLength(1);
    expect(existsSync(join(labDirectory, 'owner-host.json'))).toBe(false);
    expect(existsSync(join(labDirectory, 'owner.json'))).toBe(false);
    expect(await connectToOwner(labDirectory)).toBeNull();
  });

  it('opens a page in the browser by an address that is good once, for a second front door too', async () => {
    const labDirectory = await temporaryFolder();
    const shown: string[] = [];
    const show = (url: string): number => shown.push(url);
    const lab = serve(labDirectory, [], { show });
    const token = /#token=(.*)$/.exec(await lab.ready)?.[1] ?? '';
    const second = serve(labDirectory, [], { show });
    await second.stop();
    expect(shown).toHaveLength(2);
    for (const url of shown) {
      const { origin, hash } = new URL(url);
      expect(url).not.toContain(token);
      const redeem = async (): Promise<unknown> => {
        const response = await fetch(`${origin}/session`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ code: hash.replace('#code=', '') }),
        });
        return [response.status, await response.json()];
      };
      expect(await redeem()).toEqual([200, { result: { token } }]);
      expect(await redeem()).toMatchObject([401, { error: { code: 'notAllowed' } }]);
    }
    await lab.stop();
  });

  it('writes its token into no log and no file but the one for other processes of this user', async () => {
    const labDirectory = await temporaryFolder();
    await addTinyDataset(labDirectory);
    const logged: string[] = [];
    const lab = serve(labDirectory, [], { log: (line) => logged.push(line) });
    const { origin, hash } = new URL((await lab.ready).replace('NormLab is ready at ', ''));
    const token = hash.replace('#token=', '');
    const client = await connectToOwner(labDirectory);
    const created = await client?.invoke('experiments.create', { document: tinyExperiment });
    const ids = created?.runs.map(({ id }) => id) ?? [];
    await vi.waitUntil(async () => (await client?.invoke('queue.get', {}))?.running.length === 0, { timeout: 20_000 });
    // Calls that fail, each with the token in it.
    for (const path of ['/invoke/no.such', `/invoke/${token.slice(0, 20)}`, '/events', '/session/code', `/${token}`]) {
      const authorization = `Bearer ${token}`;
      await (await fetch(`${origin}${path}`, { method: 'POST', headers: { authorization }, body: token })).text();
    }
    const files = async (): Promise<string[]> => {
      const all = await readdir(labDirectory, { recursive: true, withFileTypes: true });
      const paths = all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      const texts = await Promise.all(paths.map(async (path) => [path, await readFile(path, 'latin1')] as const));
      return texts.filter(([, text]) => text.includes(token)).map(([path]) => path);
    };
    expect(ids).toHaveLength(4);
    expect(await files()).toEqual([join(labDirectory, 'owner-host.json')]);
    client?.close();
    await lab.stop();
    expect(await files()).toEqual([]);
    expect(logged.join('\n')).not.toContain(token);
  });

  it('is a process that ends in order on Ctrl+C and leaves nothing behind', async () => {
    const labDirectory = await temporaryFolder();
    const child = spawn(process.execPath, [entry, '--lab', labDirectory, '--port', '0', '--no-open'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await once(child.stdout, 'data');
    const found = await findOwnerHost(labDirectory);
    expect(output).toBe(`NormLab is ready at ${found?.url}\n`);
    expect(await found?.client.invoke('machine.describe', {})).toMatchObject({ labDirectory, door: 'web' });
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(join(labDirectory, 'owner-host.json'))).toBe(false);
  });

  it.each([[['--port', 'many']], [['--port', '70000']]])('says what is wrong with %j', async (args) => {
    await expect(promisify(execFile)(process.execPath, [entry, ...args])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not a port. Give a number from 0 to 65535.') as string,
      stdout: '',
    });
  });
});

describe('the address of the owner', () => {
  it('is not believed where the process that wrote it is gone or does not hold the lab', async () => {
    const contract = await openTestLab();
    const labDirectory = contract.lab.directory;
    const host = await startWebHost({ lab: contract, port: 0, rendererDirectory: '/nowhere' });
    const file = join(labDirectory, 'owner-host.json');
    const written = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    expect(written).toEqual({ address: host.address, token: host.token, pid: process.pid });
    const client = await connectToOwner(labDirectory);
    expect(client).not.toBeNull();
    client?.close();
    for (const change of [
      // Process 1 runs, but does not hold this lab.
      { pid: 1 },
      { pid: 2 ** 30 },
      { token: 'short' },
      { token: 'A'.repeat(43) },
      { address: 'http://192.168.0.1:80' },
      { address: 'http://127.0.0.1:1' },
      { address: 'http://127.0.0.1:80@evil.example' },
    ]) {
      await writeFile(file, JSON.stringify({ ...written, ...change }));
      expect(await connectToOwner(labDirectory, 1000)).toBeNull();
    }
    await writeFile(file, 'not JSON');
    expect(await connectToOwner(labDirectory)).toBeNull();
    await host.close();
  });

  it('of a later owner stays when an earlier one tidies up', async () => {
    const labDirectory = await temporaryFolder();
    const later = { address: 'http://127.0.0.1:4000', token: 'B'.repeat(43), pid: 1 };
    await writeFile(join(labDirectory, 'owner-host.json'), JSON.stringify(later));
    await removeOwnerHost(labDirectory, { ...later, token: 'A'.repeat(43) });
    expect(existsSync(join(labDirectory, 'owner-host.json'))).toBe(true);
    await removeOwnerHost(labDirectory, later);
    expect(existsSync(join(labDirectory, 'owner-host.json'))).toBe(false);
  });

  it('a port that is taken is said so', async () => {
    const contract = await openTestLab();
    const host = await startWebHost({ lab: contract, port: 0, rendererDirectory: '/nowhere' });
    await expect(startWebHost({ lab: contract, port: host.port, rendererDirectory: '/nowhere' })).rejects.toMatchObject(
      {
        code: 'invalidArgument',
        message: `The port ${host.port} of this machine cannot be used.`,
      },
    );
    await host.close();
  });
});
