import { createHash, hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '#shared/errors.ts';
import type { DatasetReader, FolderListing, ReadSummary, Recognition } from './reader.ts';

const image = { height: 32, width: 32, channels: 3 };
const planeLength = image.height * image.width;
const imageBytes = planeLength * image.channels;
/** One byte of label and three planes of red, green and blue. */
const recordBytes = 1 + imageBytes;
const recordsAFile = 10_000;
const fileBytes = recordBytes * recordsAFile;

const trainingFiles = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`);
const validationFile = 'test_batch.bin';
const allFiles = [...trainingFiles, validationFile];
const classNamesFile = 'batches.meta.txt';
const officialClassNames = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
const getBinaryVersion =
  'Get the “CIFAR-10 binary version (suitable for C programs)”, cifar-10-binary.tar.gz, from the page of CIFAR-10.';
const copyAgain = 'Download or copy it again, and compare its size with the original’s.';

/**
 * CIFAR-10, binary version (Krizhevsky 2009): five training batches and one test batch of 10,000
 * records each; a record is a label and three planes [32, 32] of red, green and blue, row by row.
 */
export const cifar10Reader: DatasetReader = {
  id: 'cifar10-binary',
  name: 'CIFAR-10',
  expects: `CIFAR-10’s binary version: ${trainingFiles[0]} to ${trainingFiles[4]} and ${validationFile}`,
  recognise,
  async read(folder, context): Promise<ReadSummary> {
    await context.begin(image, officialClassNames.length);
    const sources: ReadSummary['sources'] = [];
    const notes: string[] = [];
    const counts = { training: officialClassNames.map(() => 0), validation: officialClassNames.map(() => 0) };
    for (const [position, name] of allFiles.entries()) {
      const bytes = await readBatch(folder.path, name);
      checkBatch(name, bytes);
      const checksum = createHash('sha256').update(bytes).digest('hex');
      const twin = sources.find((source) => source.checksum === checksum);
      if (twin) throw invalid(`“${name}” is a copy of “${twin.name}”`, copyAgain);
      sources.push({ name, bytes: bytes.length, checksum });
      const { images, labels } = decodeRecords(bytes);
      const split = name === validationFile ? 'validation' : 'training';
      for (const label of labels) counts[split][label] = (counts[split][label] ?? 0) + 1;
      await context.append(split, images, labels);
      context.progress((position + 1) * recordsAFile, allFiles.length * recordsAFile);
    }
    for (const split of ['training', 'validation'] as const) {
      if (new Set(counts[split]).size === 1) continue;
      notes.push(`The ${split} images a class are ${counts[split].join(', ')}; CIFAR-10 has equally many of each.`);
    }
    const classNames = await readClassNames(folder);
    if (classNames === null) notes.push(`${classNamesFile} was not there: the classes have their usual names.`);
    return { classNames: classNames ?? officialClassNames, sources, notes };
  },
};

function recognise({ entries }: FolderListing): Recognition | null {
  const missing = allFiles.filter((name) => !entries.has(name));
  if (missing.length === 0) {
    const wrong = allFiles.find((name) => entries.get(name)?.kind !== 'file');
    return wrong === undefined
      ? { kind: 'readable' }
      : {
          kind: 'problem',
          message: `“${wrong}” is not a file.`,
          hint: 'Put the batch file of this name in its place.',
        };
  }
  if (missing.length < allFiles.length) {
    return {
      kind: 'problem',
      message: `The folder holds CIFAR-10’s binary batches, but ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing.`,
      hint: 'Copy all six files, data_batch_1.bin to data_batch_5.bin and test_batch.bin, into one folder.',
    };
  }
  if (entries.has('data_batch_1') || entries.has('test_batch')) {
    return {
      kind: 'problem',
      message: 'This is CIFAR-10 for Python (pickled batches), which is not read.',
      hint: getBinaryVersion,
    };
  }
  if (entries.has('data_batch_1.mat')) {
    return { kind: 'problem', message: 'This is CIFAR-10 for Matlab, which is not read.', hint: getBinaryVersion };
  }
  const isCifar100 =
    entries.has('fine_label_names.txt') ||
    (entries.has('train.bin') && entries.has('test.bin')) ||
    (entries.has('train') && entries.has('test') && entries.has('meta'));
  if (isCifar100) {
    return { kind: 'problem', message: 'This is CIFAR-100, which is not read yet.', hint: getBinaryVersion };
  }
  return null;
}

async function readBatch(folder: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(folder, name));
  } catch (error) {
    throw new LabError('invalidDataset', `“${name}” cannot be read.`, 'Check the file and its permissions.', error);
  }
}

/** @throws LabError `invalidDataset` unless these are 10,000 records with labels 0 to 9, most of them different. */
export function checkBatch(name: string, bytes: Uint8Array): void {
  if (bytes.length !== fileBytes) {
    const expected = `${recordsAFile} records of ${recordBytes} bytes (${fileBytes} bytes)`;
    if (bytes.length === 0) throw invalid(`“${name}” is empty; it should have ${expected}`, copyAgain);
    if (looksLikeText(bytes)) {
      throw invalid(`“${name}” is a text file, not a batch of ${expected}`, `${copyAgain} ${getBinaryVersion}`);
    }
    const whole = Math.floor(bytes.length / recordBytes);
    const rest = bytes.length % recordBytes;
    const found = `${bytes.length} bytes: ${whole} whole records${rest === 0 ? '' : ` and ${rest} bytes`}`;
    throw invalid(
      `“${name}” ${bytes.length < fileBytes ? 'is cut short' : 'is too long'}. It has ${found}, instead of ${expected}`,
      copyAgain,
    );
  }
  for (let record = 0; record < recordsAFile; record++) {
    const label = bytes[record * recordBytes] ?? 0;
    if (label >= officialClassNames.length) {
      throw invalid(
        `“${name}” has label ${label} in record ${record + 1} (byte ${record * recordBytes}), but CIFAR-10’s labels are 0 to 9`,
        `The file is damaged or of another kind. ${copyAgain}`,
      );
    }
  }
  const repeated = countRepeatedImages(bytes);
  if (repeated > recordsAFile / 2) {
    throw invalid(
      `“${name}” does not hold photographs: ${repeated} of its ${recordsAFile} images repeat an earlier one, pixel by pixel`,
      `The file is damaged or of another kind. ${copyAgain}`,
    );
  }
}

/** Images of a batch whose pixels are those of an earlier one, whatever their labels. */
function countRepeatedImages(bytes: Uint8Array): number {
  const seen = new Set<string>();
  for (let record = 0; record < recordsAFile; record++) {
    const start = record * recordBytes;
    seen.add(hash('sha256', bytes.subarray(start + 1, start + recordBytes), 'base64'));
  }
  return recordsAFile - seen.size;
}

function invalid(problem: string, hint: string): LabError {
  return new LabError('invalidDataset', `${problem}.`, hint);
}

function looksLikeText(bytes: Uint8Array): boolean {
  return bytes
    .subarray(0, 256)
    .every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}

/** Turns records (label and three planes) into labels [count] and images [count, 32, 32, 3]. */
export function decodeRecords(bytes: Uint8Array): { images: Uint8Array; labels: Uint8Array } {
  const count = Math.floor(bytes.length / recordBytes);
  const labels = new Uint8Array(count);
  const images = new Uint8Array(count * imageBytes);
  let target = 0;
  for (let record = 0; record < count; record++) {
    const start = record * recordBytes;
    labels[record] = bytes[start] ?? 0;
    for (let red = start + 1; red <= start + planeLength; red++) {
      images[target++] = bytes[red] ?? 0;
      images[target++] = bytes[red + planeLength] ?? 0;
      images[target++] = bytes[red + 2 * planeLength] ?? 0;
    }
  }
  return { images, labels };
}

async function readClassNames({ path, entries }: FolderListing): Promise<string[] | null> {
  if (!entries.has(classNamesFile)) return null;
  const text = await readFile(join(path, classNamesFile), 'utf8').catch(() => '');
  const names = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length === officialClassNames.length && new Set(names).size === names.length) return names;
  throw invalid(
    `“${classNamesFile}” names ${names.length} classes, where CIFAR-10 has ten different ones`,
    `Copy the file again, or remove it to use the usual names.`,
  );
}
