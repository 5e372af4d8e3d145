import { readFile } from 'node:fs/promises';
import { hostname, homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { packDiagnostics } from '#main/diagnostics/diagnosticsBundle.ts';
import { createRedactor } from '#main/diagnostics/redact.ts';
import { recordHostNameKey } from '#shared/domain/labSettings.ts';
import { exampleHealth } from '../health/exampleHealth.ts';
import { openTestLab, openUnguardedTestLab, temporaryFolder, tinyExperiment } from '../contract/testLab.ts';
import { runHere } from '../cli/commandLine.ts';

const ada = {
  homeDirectory: '/home/ada.l',
  userName: 'ada.l',
  hostName: 'engine-7.example.org',
  folders: [['/home/ada.l/labs/norm', '<lab>']] as const,
};
const token = 'Zb3kQ9_vW1xYt-5uR7sN2mLpC8aHeJ4dGfKoTiUqXyA';

async function unpack(bytes: Uint8Array): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const entries = Readable.from([bytes]).pipe(createGunzip()).pipe(extract());
  for await (const entry of entries) files[entry.header.name] = await text(entry as AsyncIterable<Uint8Array>);
  return files;
}

describe('what is personal', () => {
  it.each([
    ['/home/ada.l/labs/norm/runs/x/1.safetensors', '<lab>/runs/x/1.safetensors'],
    ['“/home/ada.l/labs/normal”', '“~/labs/normal”'],
    ['open /home/ada.l: not there', 'open ~: not there'],
    ['/home/grace/lab and C:\\Users\\Grace\\lab', '/home/<user>/lab and C:\\Users\\<user>\\lab'],
    ['ada.l@engine-7.example.org, ENGINE-7', '<user>@<host>, <host>'],
    ['http://127.0.0.1:5000/#token=abc', 'http://127.0.0.1:5000/#token=<removed>'],
    ['{"token":"abc"} Authorization: Bearer xyz', '{"token":"<removed>"} Authorization: Bearer <removed>'],
    [`sent ${token}.`, 'sent <removed>.'],
  ])('is taken out of %s', (planted, expected) => {
    expect(createRedactor(ada)(planted)).toBe(expected);
  });

  it.each([
    'a'.repeat(30) + '0123456789abcdef0123456789abcdef01',
    'Prepared: 5 normalized layers',
    'layer4.block1.convolution2.kernel',
    'Canada.lake',
  ])('leaves %s', (kept) => {
    expect(createRedactor(ada)(kept)).toBe(kept);
  });

  it('is in no file of an archive, wherever it was planted', async () => {
    const planted = `/home/ada.l/secret-project on engine-7.example.org by ada.l, token: ${token}`;
    const bytes = await packDiagnostics(
      {
        appVersion: '1',
        appCommit: null,
        createdAt: '2026-03-01T10:00:00.000Z',
        machine: { [planted]: planted },
        health: null,
        engines: [{ reason: planted }],
        lab: { directory: '/home/ada.l/labs/norm' },
        problem: { code: 'internal', message: planted, hint: planted, cause: planted },
        runs: [{ id: 'r1', log: [{ text: planted }], error: { cause: `${planted}\n  at /home/ada.l/x.ts:1` } }],
      },
      ada,
    );
    const files = await unpack(bytes);
    expect(Object.keys(files)).toEqual(['README.txt', 'diagnostics.json', 'runs/r1.json']);
    for (const [name, content] of Object.entries(files)) {
      expect([name, /ada\.l|engine-7|Zb3kQ9/i.exec(content)?.[0]]).toEqual([name, undefined]);
    }
    expect(files['diagnostics.json']).toContain('<lab>');
    expect(files['runs/r1.json']).toContain('~/secret-project on <host> by <user>, token: <removed>');
  });
});

describe('diagnostics of a lab', () => {
  it('say what a report needs, and nothing of who asks', async () => {
    const contract = await openTestLab({ healthProbe: () => Promise.resolve(exampleHealth) });
    const { client, lab } = contract;
    const { runs } = await client.invoke('experiments.create', {
      document: { ...tinyExperiment, vary: [], seeds: [1] },
    });
    const ids = runs.map(({ id }) => id);
    await lab.runs.whenEnded(ids);
    const [id = ''] = ids;
    const planted = `Cannot read ${join(homedir(), 'private', 'x.bin')} on ${hostname()}`;
    lab.store.runs.addLog(id, { at: '2026-03-01T10:00:00.000Z', level: 'error', text: planted });
    const { base64, fileName } = await client.invoke('lab.diagnostics', {});
    expect(fileName).toMatch(/^normlab-diagnostics-\d{4}-\d\d-\d\d\.tar\.gz$/);
    const files = await unpack(Buffer.from(base64, 'base64'));
    expect(JSON.parse(files['diagnostics.json'] ?? '')).toMatchObject({
      health: exampleHealth,
      engines: [
        { id: 'tensorflow-cpu', state: 'installable' },
        { id: 'javascript', reason: 'The only one in this test.' },
      ],
      lab: { directory: '<lab>', quickCheck: ['ok'], experiments: 1, runs: 1, datasets: [{ id: 'tiny' }] },
      problem: null,
      runs: [id],
    });
    const run = JSON.parse(files[`runs/${id}.json`] ?? '') as { environment: object; log: { text: string }[] };
    expect(run).toMatchObject({
      state: 'done',
      document: { batchSize: 2 },
      environment: { appVersion: lab.runs.get(id).environment?.appVersion },
    });
    expect(run.environment).not.toHaveProperty('hostName');
    expect(run.log.at(-1)?.text).toMatch(/^Cannot read ~.private.x\.bin on <host>$/);
    const all = Object.values(files).join('\n');
    const names = [homedir(), hostname(), userInfo().username, lab.directory].filter((name) => name.length > 1);
    const isWord = (name: string): boolean =>
      all.split(/[^\w./\\-]+/).some((word) => word === name || word.startsWith(`${name}/`));
    expect(names.filter(isWord)).toEqual([]);
  });

  it('are written by the command line, also of a lab that does not open', async () => {
    const directory = await temporaryFolder();
    const contract = await openUnguardedTestLab({ labDirectory: directory });
    const out = join(directory, 'report.tar.gz');
    await contract.close();
    expect(await runHere(['diagnostics', '--lab', directory, '--out', out])).toMatchObject({ status: 0 });
    const whole = JSON.parse((await unpack(await readFile(out)))['diagnostics.json'] ?? '') as object;
    expect(whole).toMatchObject({ problem: null, lab: { quickCheck: ['ok'] } });
    const again = await openUnguardedTestLab({ labDirectory: directory });
    try {
      expect(await runHere(['diagnostics', '--lab', directory, '--out', out])).toMatchObject({ status: 0 });
      const closed = JSON.parse((await unpack(await readFile(out)))['diagnostics.json'] ?? '') as object;
      expect(closed).toMatchObject({ problem: { code: 'labInUse' }, lab: { directory: '<lab>', quickCheck: ['ok'] } });
    } finally {
      await again.close();
    }
  }, 30_000);
});

describe('the name of the computer', () => {
  it('is recorded with a run, unless the lab’s settings say no', async () => {
    const { client, lab } = await openTestLab();
    const train = async (seed: number): Promise<unknown> => {
      const { runs } = await client.invoke('experiments.create', {
        document: { ...tinyExperiment, vary: [], seeds: [seed] },
      });
      const [run] = await lab.runs.whenEnded(runs.map(({ id }) => id));
      return run?.environment?.hostName;
    };
    expect(await train(1)).toBe(hostname());
    await client.invoke('memory.set', { key: recordHostNameKey, value: false });
    expect(await train(2)).toBeNull();
  });
});
