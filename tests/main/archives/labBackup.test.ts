import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { expect, it } from 'vitest';
import { backupLab, restoreLab } from '#main/archives/labBackup.ts';
import { checkpointDirectory } from '#main/runs/checkpointFiles.ts';
import { openLab, openStore, type OpenLab } from '#main/store/openStore.ts';
import { runHere } from '../cli/commandLine.ts';
import { createExample, points } from '../store/examples.ts';
import { temporaryDirectory } from '../store/temporaryDirectory.ts';

interface Lab {
  directory: string;
  opened: OpenLab;
  runId: string;
}

/** A lab that is open, with points, two checkpoints (one not recorded), a data set and a figure. */
async function makeLab(): Promise<Lab> {
  const directory = join(temporaryDirectory(), 'lab');
  const opened = openLab(directory, 'cli');
  createExample(opened.store.experiments);
  const runId = opened.store.runs.list()[0]?.id ?? '';
  opened.store.metrics.append(runId, { 'train/loss': points(1, 2000) });
  opened.store.metrics.flush();
  const files: [string, string][] = [
    [join(checkpointDirectory(directory, runId), 'step-5.safetensors'), 'five'],
    [join(checkpointDirectory(directory, runId), 'step-9.safetensors'), 'not recorded'],
    [join(directory, 'datasets', 'tiny', 'dataset.json'), '{}'],
    [join(directory, 'datasets', 'tiny', 'empty.bin'), ''],
    [join(directory, 'datasets', '.importing-1', 'half.bin'), 'half'],
    [join(directory, 'exports', 'figure.svg'), '<svg/>'],
    [join(directory, 'weights', 'a.safetensors'), 'weights'],
  ];
  for (const [file, text] of files) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  opened.store.runs.addCheckpoint({ runId, step: 5, file: files[0]?.[0] ?? '', bytes: 4 });
  // Its file is gone.
  opened.store.runs.addCheckpoint({ runId, step: 3, file: '/elsewhere/step-3.safetensors', bytes: 4 });
  return { directory, opened, runId };
}

async function listAll(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

it('brings a lab that is in use back as it was', async () => {
  const { directory, opened, runId } = await makeLab();
  const folder = temporaryDirectory();
  const file = join(folder, 'lab.normlab.tar');
  expect(await backupLab(directory, file)).toMatchObject({ file, runs: 2, datasets: ['tiny'], damaged: [] });
  expect(await readdir(folder)).toEqual(['lab.normlab.tar']);
  // What comes after the backup is not in it, and the lab goes on.
  opened.store.metrics.append(runId, { 'train/loss': points(2001, 2010) });
  opened.close();

  const restored = join(folder, 'a', 'lab');
  await mkdir(join(folder, 'a'));
  expect(await restoreLab(file, restored)).toEqual({ directory: restored, runs: 2 });
  expect(await listAll(restored)).toEqual([
    'datasets/tiny/dataset.json',
    'datasets/tiny/empty.bin',
    'exports/figure.svg',
    'lab.sqlite',
    `runs/${runId}/checkpoints/step-5.safetensors`,
    'weights/a.safetensors',
  ]);
  const store = openStore(restored);
  expect(store.damaged()).toEqual([]);
  expect(store.metrics.read(runId, 'train/loss')).toEqual(points(1, 2000));
  store.close();
});

it('leaves data sets out, and refuses what is no lab and what is in use as a folder', async () => {
  const { directory, opened } = await makeLab();
  const file = join(temporaryDirectory(), 'small.tar');
  expect(await runHere(['backup', file, '--no-datasets', '--lab', directory, '--json'])).toMatchObject({ status: 0 });
  const written = await readFile(file);
  expect(await runHere(['backup', file, '--lab', directory])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`There is already a file “${file}”`) as string,
  });
  expect((await readFile(file)).equals(written)).toBe(true);
  opened.close();
  const restored = join(temporaryDirectory(), 'new');
  expect(await runHere(['restore', file, '--lab', restored])).toMatchObject({
    status: 0,
    stdout: `Restored 2 runs into ${restored}.\n`,
  });
  expect((await listAll(restored)).filter((name) => name.startsWith('datasets'))).toEqual([]);
  const before = await readFile(join(restored, 'lab.sqlite'));
  expect(await runHere(['restore', file, '--lab', restored])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('is not empty') as string,
  });
  expect((await readFile(join(restored, 'lab.sqlite'))).equals(before)).toBe(true);
  await expect(backupLab(temporaryDirectory(), file)).rejects.toMatchObject({ code: 'notFound' });
});

it('restores nothing of an archive that is cut short or damaged, wherever', async () => {
  const { directory, opened } = await makeLab();
  opened.close();
  const folder = temporaryDirectory();
  const file = join(folder, 'lab.tar');
  await backupLab(directory, file);
  const whole = await readFile(file);
  const target = join(folder, 'restored');
  const attempt = async (bytes: Buffer): Promise<void> => {
    const broken = join(folder, 'broken.tar');
    await writeFile(broken, bytes);
    await expect(restoreLab(broken, target)).rejects.toMatchObject({ code: 'invalidArchive' });
    expect((await readdir(folder)).sort()).toEqual(['broken.tar', 'lab.tar']);
  };
  for (const share of [0, 0.001, 0.1, 0.5, 0.9, 0.98]) await attempt(whole.subarray(0, whole.length * share));
  // A byte in the header of the database, in its pages, in a checkpoint's text and in the manifest.
  const places = [3, 512 + 5000, whole.indexOf('five'), whole.lastIndexOf('"checksum"') + 14];
  for (const place of places) {
    const bytes = Buffer.from(whole);
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    await attempt(bytes);
  }
  await attempt(Buffer.from('no archive at all'));
});

it.each(['../escaped', '/escaped', 'a/../../escaped', 'c:\\escaped'])('refuses the entry %s', async (name) => {
  const folder = temporaryDirectory();
  const archive = pack();
  archive.entry({ name }, 'text');
  archive.finalize();
  await writeFile(join(folder, 'evil.tar'), await buffer(archive));
  await expect(restoreLab(join(folder, 'evil.tar'), join(folder, 'lab'))).rejects.toMatchObject({
    code: 'invalidArchive',
    message: expect.stringContaining('has no place') as string,
  });
  expect(await readdir(folder)).toEqual(['evil.tar']);
});
