import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findElectron, type ElectronSearch } from '#main/launch/electronBinary.ts';

let directory: string;
let search: ElectronSearch;

async function installScript(text: string): Promise<void> {
  await writeFile(join(search.packageDirectory, 'install.js'), text);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-electron-'));
  search = {
    packageDirectory: join(directory, 'electron'),
    cacheDirectory: join(directory, 'cache'),
    environment: { ...process.env, DISPLAY: ':0', ELECTRON_OVERRIDE_DIST_PATH: '' },
    platform: 'linux',
    answerTimeoutMs: 300,
  };
  delete search.environment['ELECTRON_OVERRIDE_DIST_PATH'];
  await mkdir(search.packageDirectory);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

describe('findElectron', () => {
  it('takes the binary that is there', async () => {
    await installScript('process.exit(1)');
    await mkdir(join(search.packageDirectory, 'dist'));
    await writeFile(join(search.packageDirectory, 'dist', 'electron'), '');
    await chmod(join(search.packageDirectory, 'dist', 'electron'), 0o755);
    await writeFile(join(search.packageDirectory, 'path.txt'), 'electron');
    expect(await findElectron(search)).toEqual({ file: join(search.packageDirectory, 'dist', 'electron') });
  });

  it('fetches it, and tells how much has arrived', async () => {
    await installScript(`
      const fs = require('fs'), os = require('os'), path = require('path');
      fs.writeFileSync(path.join(os.tmpdir(), 'part.zip'), Buffer.alloc(1000));
      const seen = setInterval(() => {
        if (!fs.existsSync(path.join(__dirname, 'seen'))) return;
        clearInterval(seen);
        fs.mkdirSync(path.join(__dirname, 'dist'));
        fs.writeFileSync(path.join(__dirname, 'dist', 'electron'), '');
        fs.writeFileSync(path.join(__dirname, 'path.txt'), 'electron');
      }, 10);`);
    const received: number[] = [];
    const result = await findElectron({
      ...search,
      answerTimeoutMs: 20_000,
      onProgress: (bytes) => {
        received.push(bytes);
        // The script goes on when its bytes were seen.
        writeFileSync(join(search.packageDirectory, 'seen'), '');
      },
    });
    expect(result).toEqual({ file: join(search.packageDirectory, 'dist', 'electron') });
    expect(received).toEqual([1000]);
  });

  it('gives up when nothing answers, remembers that, and tries again only when told to', async () => {
    await installScript('setInterval(() => {}, 1000)');
    const first = await findElectron(search);
    expect(first).toMatchObject({ file: null, reason: expect.stringMatching(/no answer.*--fetch-window/) as string });
    await installScript(`require('fs').writeFileSync(require('path').join(__dirname, 'ran'), ''); process.exit(1)`);
    expect(await findElectron(search)).toEqual(first);
    expect(await readdir(search.packageDirectory)).not.toContain('ran');
    await findElectron({ ...search, retry: true });
    expect(await readdir(search.packageDirectory)).toContain('ran');
    expect(await readdir(search.cacheDirectory)).toEqual(['electron-fetch.json']);
  });

  it('says in one line why a fetch failed, without naming a server', async () => {
    await installScript(`console.error('RequestError: connect ECONNREFUSED https://example.org/x'); process.exit(1)`);
    expect(await findElectron(search)).toMatchObject({
      file: null,
      reason: expect.stringMatching(
        /^Electron could not be downloaded: RequestError: connect ECONNREFUSED its server/,
      ) as string,
    });
  });

  it('does not fetch where there is no display', async () => {
    await installScript('process.exit(1)');
    expect(await findElectron({ ...search, environment: { PATH: process.env['PATH'] } })).toEqual({
      file: null,
      reason: 'there is no display on this machine',
    });
  });
});
