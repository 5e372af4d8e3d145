import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDatasetWriter } from '#files/datasetWriter.ts';
import { createDatasetService, type DatasetService, type ImportProgress } from '#main/datasets/datasetService.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { writeCifar10Folder } from './cifar10Fixture.ts';

/** For tests that write hundreds of megabytes: enough for a busy machine with a slow disk. */
const slowMs = 180_000;

let root: string;
let datasetsDirectory: string;
let service: DatasetService;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'normlab-service-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  datasetsDirectory = await mkdtemp(join(root, 'lab-'));
  service = createDatasetService({ datasetsDirectory });
});

/** Puts a small data set in place as an import would. */
async function addDataset(id: string, name: string): Promise<DatasetDocument> {
  const directory = join(datasetsDirectory, id);
  await mkdir(directory);
  const writer = await createDatasetWriter(directory, { height: 1, width: 2, channels: 1 }, 2);
  await writer.append('training', Uint8Array.of(1, 2, 3, 4), Uint8Array.of(0, 1));
  await writer.append('validation', Uint8Array.of(5, 6), Uint8Array.of(1));
  return writer.finish({
    id,
    name,
    classNames: ['even', 'odd'],
    provenance: { kind: 'test', sources: [], importedAt: '2025-01-01T00:00:00.000Z', notes: [] },
  });
}

describe('listing and finding', () => {
  it('has nothing in a new lab, whose folder need not exist', async () => {
    const fresh = createDatasetService({ datasetsDirectory: join(root, 'not-there-yet', 'datasets') });
    expect(await fresh.list()).toEqual([]);
    await expect(fresh.get('cifar-10')).rejects.toMatchObject({
      code: 'notFound',
      message: 'There is no data set “cifar-10”.',
      hint: expect.stringMatching(/none yet; `npm run --silent lab -- datasets import PATH`/) as string,
    });
  });

  it('lists by name and finds by id or name', async () => {
    const birds = await addDataset('set-2', 'Birds');
    const ants = await addDataset('set-1', 'Insects: ants');
    await addDataset('set-3', 'Zebras');
    expect((await service.list()).map(({ id }) => id)).toEqual(['set-2', 'set-1', 'set-3']);
    expect(await service.get('set-2')).toEqual(birds);
    expect(await service.get('insects: ants')).toEqual(ants);
    expect(service.directory('set-1')).toBe(join(datasetsDirectory, 'set-1'));
    await expect(service.get('Cats')).rejects.toMatchObject({
      code: 'notFound',
      hint: expect.stringMatching(/There are: set-2, set-1, set-3;/) as string,
    });
  });

  it.each(['../elsewhere', '/etc', '', 'A'])('refuses the id %j as a folder', (id) => {
    expect(() => service.directory(id)).toThrow(/is not the id of a data set/);
  });

  it('reports damaged folders and lists the others', async () => {
    await addDataset('good', 'Good');
    await addDataset('cut', 'Cut');
    await truncate(join(datasetsDirectory, 'cut', 'training-images.u8'), 1);
    await addDataset('moved', 'Moved');
    await rename(join(datasetsDirectory, 'moved'), join(datasetsDirectory, 'elsewhere'));
    await mkdir(join(datasetsDirectory, 'empty'));
    expect((await service.list()).map(({ id }) => id)).toEqual(['cut', 'good']);
    const problems = await service.problems();
    expect(problems.map(({ id }) => id).sort()).toEqual(['cut', 'elsewhere', 'empty']);
    expect(problems.find(({ id }) => id === 'cut')?.message).toMatch(/cut short: it has 1 of 4 bytes/);
    await expect(service.get('empty')).rejects.toMatchObject({ code: 'invalidDataset' });
  });
});

describe('verify', () => {
  it('tells a whole data set from a changed, a cut and an empty one', async () => {
    await addDataset('whole', 'Whole');
    await addDataset('changed', 'Changed');
    await writeFile(join(datasetsDirectory, 'changed', 'validation-labels.u8'), Uint8Array.of(0));
    await mkdir(join(datasetsDirectory, 'empty'));
    expect(await service.verify('Whole')).toEqual({ id: 'whole', ok: true, problems: [] });
    expect(await service.verify('changed')).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/^validation-labels\.u8 has changed/)],
    });
    expect(await service.verify('empty')).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/dataset\.json is missing/)],
    });
    await expect(service.verify('absent')).rejects.toMatchObject({ code: 'notFound' });
  });
});

describe('remove', () => {
  it('removes whole and damaged data sets and nothing else', async () => {
    await addDataset('one', 'One');
    await addDataset('two', 'Two');
    await mkdir(join(datasetsDirectory, 'broken'));
    await service.remove('One');
    await service.remove('broken');
    expect(await readdir(datasetsDirectory)).toEqual(['two']);
    await expect(service.remove('one')).rejects.toMatchObject({ code: 'notFound' });
    await expect(service.remove('..')).rejects.toMatchObject({ code: 'notFound' });
  });
});

describe('leftovers', () => {
  async function leave(name: string, owner: unknown): Promise<void> {
    await mkdir(join(datasetsDirectory, name, 'data'), { recursive: true });
    await writeFile(join(datasetsDirectory, name, 'owner.json'), JSON.stringify(owner));
  }

  it('of processes that are gone are removed at the next start, others stay', async () => {
    const hostName = hostname();
    const { pid: gone } = spawnSync(process.execPath, ['--version']);
    await leave('.importing-gone', { processId: gone, hostName, processStart: '1' });
    await leave('.importing-earlier', { processId: process.pid, hostName, processStart: '1' });
    await leave('.importing-elsewhere', { processId: gone, hostName: `not-${hostName}`, processStart: '1' });
    await leave('.removing-something', null);
    const text = await readFile(`/proc/${process.ppid}/stat`, 'utf8').catch(() => null);
    const processStart = text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
    await leave('.importing-living', { processId: process.ppid, hostName, processStart });
    await service.list();
    expect((await readdir(datasetsDirectory)).sort()).toEqual(['.importing-elsewhere', '.importing-living']);
  });
});

describe('import', () => {
  let source: string;
  beforeAll(async () => {
    source = join(root, 'cifar');
    await writeCifar10Folder(source);
  });

  it(
    'puts a data set in place beside another of its name, and knows it again',
    async () => {
      await addDataset('cifar-10', 'CIFAR-10');
      const progress: ImportProgress[] = [];
      const document = await service.import(source, { onProgress: (event) => progress.push(event) });
      expect(document).toMatchObject({ id: 'cifar-10-2', name: 'CIFAR-10 (2)' });
      expect(await service.get('cifar-10-2')).toEqual(document);
      expect((await readdir(datasetsDirectory)).sort()).toEqual(['cifar-10', 'cifar-10-2']);
      expect((await readdir(join(datasetsDirectory, 'cifar-10-2'))).sort()).toEqual([
        'dataset.json',
        'training-images.u8',
        'training-labels.u8',
        'validation-images.u8',
        'validation-labels.u8',
      ]);
      expect(await service.verify('cifar-10-2')).toMatchObject({ ok: true });
      expect(progress.at(-1)).toMatchObject({ phase: 'verifying', done: 60_000 * 3073, total: 60_000 * 3073 });

      const again = await service.import(source, { onProgress: (event) => progress.push(event) });
      expect(again).toEqual(document);
      expect(progress.at(-1)?.phase).toBe('already imported');
      expect((await readdir(datasetsDirectory)).sort()).toEqual(['cifar-10', 'cifar-10-2']);
    },
    slowMs,
  );

  it('leaves nothing behind when it is cancelled', async () => {
    const controller = new AbortController();
    const importing = service.import(source, {
      onProgress: ({ phase }) => {
        if (phase === 'reading') controller.abort();
      },
      signal: controller.signal,
    });
    await expect(importing).rejects.toMatchObject({ code: 'cancelled' });
    await expect(service.import(source, { signal: controller.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(await readdir(datasetsDirectory)).toEqual([]);
  });

  it('passes the reader’s message on and leaves nothing behind', async () => {
    await mkdir(join(root, 'nothing'), { recursive: true });
    await expect(service.import(join(root, 'nothing'), {})).rejects.toMatchObject({
      code: 'invalidDataset',
      message: 'The folder “nothing” is empty.',
    });
    expect(await readdir(datasetsDirectory)).toEqual([]);
  });

  it.each(['', ' ', 'x'.repeat(121)])('refuses the name %j', async (name) => {
    await expect(service.import(source, { name })).rejects.toMatchObject({ code: 'invalidArgument' });
  });

  it('says that the lab folder cannot be written', async () => {
    const file = join(root, 'a-file');
    await writeFile(file, '');
    const blocked = createDatasetService({ datasetsDirectory: join(file, 'datasets') });
    await expect(blocked.import(source, {})).rejects.toMatchObject({ code: 'labNotWritable' });
  });
});

describe('ensureExample', () => {
  it(
    'makes the example once, finds it again, and makes a damaged one anew',
    async () => {
      const [first, second] = await Promise.all([service.ensureExample(), service.ensureExample()]);
      expect(second).toEqual(first);
      expect(first).toMatchObject({ id: 'example', training: { count: 12_000 }, validation: { count: 2_000 } });
      // Printed by this test when version 1 of the generator was fixed; a change of it is a new version.
      expect(first.checksum).toBe('591ed397ee8285cc466199ce48f68c96423c952b42e18d1e4956df6536c784c8');
      expect(await service.ensureExample()).toEqual(first);
      await truncate(join(datasetsDirectory, 'example', 'training-images.u8'), 5);
      expect((await service.ensureExample()).checksum).toBe(first.checksum);
      expect(await service.verify('example')).toMatchObject({ ok: true });
      expect(await readdir(datasetsDirectory)).toEqual(['example']);
    },
    slowMs,
  );
});
