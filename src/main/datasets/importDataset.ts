import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createDatasetWriter, type DatasetWriter, type RepeatedImages } from '#files/datasetWriter.ts';
import { findDatasetProblems } from '#files/datasetVerification.ts';
import { systemErrorCode } from '#files/fileErrors.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { LabError } from '#shared/errors.ts';
import { defaultUnpackLimits, detectArchive, unpackArchive } from './archive.ts';
import { slugify } from './datasetIdentity.ts';
import type { ImportProgress } from './datasetService.ts';
import { listFolders, type DatasetReader, type FolderListing } from './reader.ts';
import { readers } from './readers.ts';

export interface ImportJob {
  /** Absolute path of a folder or archive. */
  path: string;
  /** Name of the data set; null takes the reader's. */
  name: string | null;
  /** Existing folder in which to work: the data set is made in `data`, archives are unpacked in `unpacked`. */
  workDirectory: string;
  /** Bytes free on the disk of the work directory. */
  freeBytes: number;
}

/** Folder of the finished data set in the work directory. */
export function finishedDirectory(workDirectory: string): string {
  return join(workDirectory, 'data');
}

/**
 * Reads a data set and writes it, verified, to the work directory. Meant for a worker thread.
 * @throws LabError saying what was found, what is expected and what to do.
 */
export async function importDataset(
  { path, name, workDirectory, freeBytes }: ImportJob,
  onProgress: (progress: ImportProgress) => void,
): Promise<DatasetDocument> {
  const sources: DatasetDocument['provenance']['sources'] = [];
  const isFolder = await isExistingFolder(path);
  const unpacked = join(workDirectory, 'unpacked');
  if (!isFolder) {
    const kind = await detectArchive(path);
    const total = (await stat(path)).size;
    await mkdir(unpacked);
    const archive = await unpackArchive(path, kind, unpacked, { ...defaultUnpackLimits, freeBytes }, (done) => {
      onProgress({ phase: 'unpacking', done, total });
    });
    sources.push({ name: basename(path), ...archive });
  }
  const { reader, folder } = await findReader(isFolder ? path : unpacked, nameOfPath(path), isFolder);
  if (isFolder) {
    // What is written is about as large as what is read.
    requireSpace(
      [...folder.entries.values()].reduce((sum, entry) => sum + entry.bytes, 0),
      freeBytes,
    );
  }

  const directory = finishedDirectory(workDirectory);
  await mkdir(directory);
  let writer: DatasetWriter | null = null;
  const requireWriter = (): DatasetWriter => {
    if (writer === null) throw new Error(`the reader ${reader.id} adds images before it begins`);
    return writer;
  };
  let document: DatasetDocument;
  try {
    const summary = await reader.read(folder, {
      begin: async (image, classCount) => {
        writer = await createDatasetWriter(directory, image, classCount);
      },
      append: (split, images, labels) => requireWriter().append(split, images, labels),
      progress: (done, total) => {
        onProgress({ phase: 'reading', done, total });
      },
    });
    document = await requireWriter().finish({
      id: slugify(name ?? reader.name),
      name: name ?? reader.name,
      classNames: summary.classNames,
      provenance: {
        kind: reader.id,
        sources: [...sources, ...summary.sources],
        importedAt: new Date().toISOString(),
        notes: [...summary.notes, ...describeRepeatedImages(requireWriter().repeatedImages())],
      },
    });
  } finally {
    await (writer as DatasetWriter | null)?.close();
  }
  await rm(unpacked, { recursive: true, force: true });
  await requireIntact(directory, document, onProgress);
  return document;
}

/** @throws LabError `notFound`, or `invalidDataset` where it cannot be read. */
export async function isExistingFolder(path: string): Promise<boolean> {
  const status = await stat(path).catch((error: unknown) => {
    const missing = systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR';
    throw new LabError(
      missing ? 'notFound' : 'invalidDataset',
      missing ? `There is no file or folder “${path}”.` : `“${path}” cannot be read.`,
      missing ? 'Check the path.' : 'Check the permissions of the file or folder.',
      error,
    );
  });
  if (status.isDirectory()) return true;
  // Opening a pipe would wait for a writer, perhaps for ever.
  if (!status.isFile()) {
    throw new LabError(
      'invalidDataset',
      `“${path}” is neither a file nor a folder.`,
      'Name the folder or archive that holds the data set.',
    );
  }
  return false;
}

/** A path's last part, for messages; the root of the file system has none. */
export function nameOfPath(path: string): string {
  return basename(path) || path;
}

/** The reader for a folder or one of the folders in it. */
export async function findReader(
  root: string,
  name: string,
  isFolder: boolean,
): Promise<{ reader: DatasetReader; folder: FolderListing }> {
  const folders = await listFolders(root).catch((error: unknown) => {
    throw new LabError('invalidDataset', `“${name}” cannot be read.`, 'Check the permissions of the folder.', error);
  });
  let problem: LabError | null = null;
  for (const folder of folders) {
    for (const reader of readers) {
      const recognition = reader.recognise(folder);
      if (recognition?.kind === 'readable') return { reader, folder };
      if (recognition?.kind === 'problem') {
        problem ??= new LabError(
          'invalidDataset',
          `“${name}” cannot be imported. ${recognition.message}`,
          recognition.hint,
        );
      }
    }
  }
  if (problem !== null) throw problem;
  const found = folders.slice(0, 2).flatMap((folder) => [...folder.entries.keys()]);
  const what = isFolder ? 'folder' : 'archive';
  const shown = found.slice(0, 6).join(', ');
  throw new LabError(
    'invalidDataset',
    found.length === 0
      ? `The ${what} “${name}” is empty.`
      : `The ${what} “${name}” holds no data set that is known here. It has: ${shown}${found.length > 6 ? `, … (${found.length} entries)` : ''}.`,
    `Expected is ${readers.map((reader) => reader.expects).join('; or ')}.`,
  );
}

/** @throws LabError `diskFull` where a data set of this size does not fit. */
export function requireSpace(neededBytes: number, freeBytes: number): void {
  if (neededBytes <= freeBytes) return;
  throw new LabError(
    'diskFull',
    `The data set needs about ${Math.ceil(neededBytes / 1e6)} MB, but only ${Math.floor(freeBytes / 1e6)} MB are free on the disk of the lab.`,
    'Free some space, or choose a lab folder on another disk with --lab.',
  );
}

function describeRepeatedImages({ training, validation, validationInTraining }: RepeatedImages): string[] {
  if (training + validation + validationInTraining === 0) return ['No image occurs twice, within a split or in both.'];
  const notes: string[] = [];
  if (training > 0) notes.push(`${training} training images repeat an earlier one.`);
  if (validation > 0) notes.push(`${validation} validation images repeat an earlier one.`);
  if (validationInTraining > 0) {
    notes.push(
      `${validationInTraining} validation images are also training images, which flatters validation accuracy.`,
    );
  }
  return notes;
}

/** Reads back what was written, so that a bad disk is noticed before anything is trained. */
export async function requireIntact(
  directory: string,
  document: DatasetDocument,
  onProgress: (progress: ImportProgress) => void,
): Promise<void> {
  const problems = await findDatasetProblems(directory, document, (done, total) => {
    onProgress({ phase: 'verifying', done, total });
  });
  if (problems.length === 0) return;
  throw new LabError(
    'invalidDataset',
    `What was written could not be read back: ${problems.join('; ')}.`,
    'Try again; if it happens again, check the disk of the lab folder.',
  );
}
