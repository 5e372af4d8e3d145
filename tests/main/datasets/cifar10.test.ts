import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeRecords } from '#main/datasets/cifar10.ts';
import { importDataset, nameOfPath } from '#main/datasets/importDataset.ts';
import { LabError } from '#shared/errors.ts';
import { batchNames, createBatch, noise, recordBytes, recordsAFile, writeCifar10Folder } from './cifar10Fixture.ts';

let root: string;
let source: string;
let work: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'normlab-cifar-'));
  source = join(root, 'source');
  work = join(root, 'work');
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  await rm(source, { recursive: true, force: true });
  await rm(work, { recursive: true, force: true });
  await mkdir(source);
  await mkdir(work);
});

async function importFailure(path = source, freeBytes = 1e12): Promise<LabError> {
  try {
    await importDataset({ path, name: null, workDirectory: work, freeBytes }, () => undefined);
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('the import should have failed');
}

async function expectFailure(pattern: RegExp): Promise<void> {
  const failure = await importFailure();
  expect(failure).toMatchObject({ code: 'invalidDataset' });
  expect(failure.message).toMatch(pattern);
  expect(failure.hint).not.toBe('');
}

describe('records', () => {
  it('turn planes of red, green and blue into interleaved pixels', () => {
    const bytes = noise(2 * recordBytes, 1);
    const { images, labels } = decodeRecords(bytes);
    expect([...labels]).toEqual([bytes[0], bytes[recordBytes]]);
    for (const record of [0, 1]) {
      for (const pixel of [0, 31, 32, 1023]) {
        for (const channel of [0, 1, 2]) {
          const planar = bytes[record * recordBytes + 1 + channel * 1024 + pixel];
          expect(images[record * 3072 + pixel * 3 + channel]).toBe(planar);
        }
      }
    }
  });
});

describe('a folder that cannot be imported', () => {
  it('is empty', async () => {
    await expectFailure(/^The folder “source” is empty\.$/);
  });

  it('holds something else: says what was found and what is expected', async () => {
    await writeFile(join(source, 'holiday.jpg'), 'x');
    await writeFile(join(source, 'notes.txt'), 'x');
    const failure = await importFailure();
    expect(failure.message).toBe(
      'The folder “source” holds no data set that is known here. It has: holiday.jpg, notes.txt.',
    );
    expect(failure.hint).toMatch(/data_batch_1\.bin to data_batch_5\.bin and test_batch\.bin/);
  });

  it('has no name, being the root of the file system', () => {
    expect(nameOfPath('/')).toBe('/');
    expect(nameOfPath('/data/cifar10')).toBe('cifar10');
  });

  it('does not exist', async () => {
    expect(await importFailure(join(root, 'nowhere'))).toMatchObject({ code: 'notFound' });
  });

  it('is neither file nor folder', async () => {
    const path = join(source, 'socket');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const failure = await importFailure(path);
    server.close();
    expect(failure.message).toMatch(/neither a file nor a folder/);
  });

  it('lacks batches: names them', async () => {
    for (const name of ['data_batch_1.bin', 'data_batch_3.bin']) await writeFile(join(source, name), 'x');
    await expectFailure(/data_batch_2\.bin, data_batch_4\.bin, data_batch_5\.bin, test_batch\.bin are missing/);
  });

  it('holds the pickled version for Python', async () => {
    for (const name of ['data_batch_1', 'batches.meta', 'test_batch']) await writeFile(join(source, name), 'x');
    await expectFailure(/CIFAR-10 for Python/);
  });

  it.each([[['train.bin', 'test.bin', 'fine_label_names.txt']], [['train', 'test', 'meta']]])(
    'holds CIFAR-100 as %j',
    async (names) => {
      for (const name of names) await writeFile(join(source, name), 'x');
      await expectFailure(/CIFAR-100/);
    },
  );

  it('holds a folder where a batch should be', async () => {
    for (const name of batchNames) {
      if (name === 'data_batch_2.bin') await mkdir(join(source, name));
      else await writeFile(join(source, name), 'x');
    }
    await expectFailure(/“data_batch_2\.bin” is not a file/);
  });
});

describe('a batch file that cannot be imported', () => {
  /** All batches present; `name` is as given. */
  async function writeBatches(name: string, content: Uint8Array | string): Promise<void> {
    for (const other of batchNames) await writeFile(join(source, other), '');
    // Batches are read in order: those before the one under test must be whole.
    for (const earlier of batchNames.slice(0, batchNames.indexOf(name))) {
      await writeFile(join(source, earlier), createBatch(earlier));
    }
    await writeFile(join(source, name), content);
  }

  it('is cut short within a record', async () => {
    await writeBatches('data_batch_1.bin', createBatch('data_batch_1.bin'));
    await truncate(join(source, 'data_batch_1.bin'), 5 * recordBytes + 17);
    await expectFailure(
      /“data_batch_1\.bin” is cut short\. It has 15382 bytes: 5 whole records and 17 bytes, instead of 10000 records of 3073 bytes \(30730000 bytes\)\./,
    );
  });

  it('is cut short after a whole record', async () => {
    await writeBatches('data_batch_1.bin', createBatch('data_batch_1.bin'));
    await truncate(join(source, 'data_batch_1.bin'), 9999 * recordBytes);
    await expectFailure(/30726927 bytes: 9999 whole records, instead of/);
  });

  it('is too long', async () => {
    await writeBatches('data_batch_1.bin', Buffer.concat([createBatch('data_batch_1.bin'), Buffer.alloc(recordBytes)]));
    await expectFailure(/is too long\. It has 30733073 bytes: 10001 whole records/);
  });

  it('is empty', async () => {
    await writeBatches('data_batch_1.bin', '');
    await expectFailure(/“data_batch_1\.bin” is empty/);
  });

  it('is the text of a web page', async () => {
    await writeBatches('data_batch_1.bin', '<!DOCTYPE html>\n<html>404</html>\n');
    await expectFailure(/“data_batch_1\.bin” is a text file/);
  });

  it('has a label above 9: names file and record', async () => {
    const batch = createBatch('data_batch_2.bin');
    batch[41 * recordBytes] = 12;
    await writeBatches('data_batch_2.bin', batch);
    await expectFailure(/“data_batch_2\.bin” has label 12 in record 42 \(byte 125993\)/);
  });

  it('is a copy of another batch', async () => {
    await writeBatches('data_batch_2.bin', createBatch('data_batch_1.bin'));
    await expectFailure(/“data_batch_2\.bin” is a copy of “data_batch_1\.bin”/);
  });

  it('holds the same image again and again', async () => {
    // All bytes zero: ten thousand black airplanes.
    await writeBatches('data_batch_1.bin', Buffer.alloc(recordBytes * recordsAFile));
    await expectFailure(
      /^“data_batch_1\.bin” does not hold photographs: 9999 of its 10000 images repeat an earlier one, pixel by pixel\.$/,
    );
  });

  it('repeats most of its images under other labels', async () => {
    const batch = createBatch('data_batch_1.bin');
    const different = 4999;
    for (let record = different; record < recordsAFile; record++) {
      const earlier = (record % different) * recordBytes;
      batch.copy(batch, record * recordBytes + 1, earlier + 1, earlier + recordBytes);
    }
    await writeBatches('data_batch_1.bin', batch);
    await expectFailure(/: 5001 of its 10000 images repeat an earlier one/);
  });

  it('leaves nothing that looks like a data set', async () => {
    await writeBatches('data_batch_2.bin', 'short');
    await importFailure();
    expect(await readdir(join(work, 'data'))).not.toContain('dataset.json');
  });
});

describe('a whole folder', () => {
  it('becomes a data set whose notes tell leakage and missing class names', async () => {
    await writeCifar10Folder(source);
    const test = createBatch('test_batch.bin');
    // Record 3 of the test batch is record 3 of the first training batch; record 5 repeats record 4, with its label.
    createBatch('data_batch_1.bin').copy(test, 3 * recordBytes, 3 * recordBytes, 4 * recordBytes);
    test.copy(test, 5 * recordBytes, 4 * recordBytes, 5 * recordBytes);
    await writeFile(join(source, 'test_batch.bin'), test);
    const document = await importDataset(
      { path: source, name: null, workDirectory: work, freeBytes: 1e12 },
      () => undefined,
    );
    expect(document).toMatchObject({ id: 'cifar-10', name: 'CIFAR-10', provenance: { kind: 'cifar10-binary' } });
    expect(document.training.count).toBe(50_000);
    expect(document.classNames.slice(0, 2)).toEqual(['airplane', 'automobile']);
    expect(document.provenance.notes).toEqual([
      'The validation images a class are 1000, 1000, 1000, 1000, 1001, 999, 1000, 1000, 1000, 1000; CIFAR-10 has equally many of each.',
      'batches.meta.txt was not there: the classes have their usual names.',
      '1 validation images repeat an earlier one.',
      '1 validation images are also training images, which flatters validation accuracy.',
    ]);
    // The disk is checked before anything is written.
    await rm(work, { recursive: true });
    await mkdir(work);
    expect(await importFailure(source, 1e6)).toMatchObject({
      code: 'diskFull',
      message: 'The data set needs about 185 MB, but only 1 MB are free on the disk of the lab.',
    });
    expect(await readdir(work)).toEqual([]);
  }, 180_000);
});
