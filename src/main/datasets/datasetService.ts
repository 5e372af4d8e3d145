import { mkdir, rename, rm, statfs } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { syncDirectory } from '#files/atomicWrite.ts';
import { damagedDatasetHint, findFileSizeProblems } from '#files/datasetDocument.ts';
import { findDatasetProblems } from '#files/datasetVerification.ts';
import { writeDatasetDocument } from '#files/datasetWriter.ts';
import { describeWriteError } from '#files/fileErrors.ts';
import { exampleDatasetId, type DatasetDocument } from '#shared/domain/dataset.ts';
import type { DatasetInspection } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import { createCatalogue } from './catalogue.ts';
import { chooseFreeId, chooseFreeName } from './datasetIdentity.ts';
import { runDatasetJob, runInspection, type DatasetJob } from './datasetJob.ts';
import { finishedDirectory } from './importDataset.ts';
import { createStaging, removeLeftovers, trashDirectory } from './staging.ts';

export interface ImportProgress {
  phase: string;
  /** Of `total`, both in bytes or images as the phase says. */
  done: number;
  total: number;
}

export interface DatasetVerification {
  id: string;
  ok: boolean;
  /** One sentence for each file that is missing, cut short or changed. */
  problems: string[];
}

export interface DatasetProblem {
  /** Name of the folder. */
  id: string;
  /** One sentence: what is wrong. */
  message: string;
  /** One sentence: what to do. */
  hint: string;
}

/** Data sets of one lab: `datasets/<id>/` folders, each whole or absent. */
export interface DatasetService {
  /** All data sets by name; a damaged folder does not stop the others, see `problems`. */
  list(): Promise<DatasetDocument[]>;
  /** Folders that are no whole data set: what is wrong with each and what to do. */
  problems(): Promise<DatasetProblem[]>;
  /** @throws LabError `notFound` naming the data sets there are and how to import one. */
  get(idOrName: string): Promise<DatasetDocument>;
  /** Absolute folder of a data set. */
  directory(id: string): string;
  /** Reads a folder or archive as an import would, and keeps nothing. Throws as `import`. */
  inspect(path: string, options?: { signal?: AbortSignal }): Promise<DatasetInspection>;
  /** Imports a folder or archive; nothing stays behind where it fails or is cancelled. */
  import(
    path: string,
    options: { name?: string; onProgress?: (progress: ImportProgress) => void; signal?: AbortSignal },
  ): Promise<DatasetDocument>;
  /** The generated example data set, made if it is not there; nothing stays behind where it is cancelled. */
  ensureExample(options?: {
    onProgress?: (progress: ImportProgress) => void;
    signal?: AbortSignal;
  }): Promise<DatasetDocument>;
  verify(id: string): Promise<DatasetVerification>;
  /** Removes a data set, damaged or not; at once or not at all. */
  remove(id: string): Promise<void>;
}

const idPattern = /^[a-z0-9][a-z0-9-]{0,63}$/;
const maximumNameLength = 120;
/** Disk space that imports leave free, so that the lab itself can go on writing. */
const reservedBytes = 64 * 1024 ** 2;

/**
 * @param options.datasetsDirectory Folder `datasets` of a lab; made when something is written to it.
 * @param options.readOnly True where nothing in it may change: what interrupted imports left stays.
 */
export function createDatasetService(options: { datasetsDirectory: string; readOnly?: boolean }): DatasetService {
  const datasetsDirectory = resolve(options.datasetsDirectory);
  const directory = (id: string): string => {
    if (!idPattern.test(id))
      throw new LabError('invalidArgument', `“${id}” is not the id of a data set.`, 'Check the id.');
    return join(datasetsDirectory, id);
  };

  let leftoversRemoved: Promise<void> | null = null;
  const prepare = (): Promise<void> =>
    (leftoversRemoved ??= options.readOnly === true ? Promise.resolve() : removeLeftovers(datasetsDirectory));

  /** Puts finished data sets in place one after the other, so that two imports never choose the same id. */
  let placing: Promise<unknown> = Promise.resolve();
  function inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = placing.then(work);
    placing = result.catch(() => undefined);
    return result;
  }

  const { folderNames, readDocument, scan, find, notFound } = createCatalogue(datasetsDirectory, prepare);

  /** Gives a work folder and the bytes that may be written; the folder is removed with all that is still in it. */
  async function withStaging<T>(work: (workDirectory: string, freeBytes: number) => Promise<T>): Promise<T> {
    await prepare();
    try {
      await mkdir(datasetsDirectory, { recursive: true });
    } catch (error) {
      throw describeWriteError(error, datasetsDirectory);
    }
    const { bavail, bsize } = await statfs(datasetsDirectory);
    const staging = await createStaging(datasetsDirectory);
    try {
      return await work(staging.directory, Math.max(0, bavail * bsize - reservedBytes));
    } finally {
      await staging.release();
    }
  }

  /** Runs a job in a work folder and puts its result in place; nothing of it stays otherwise. */
  function runJob(
    createJob: (workDirectory: string, freeBytes: number) => DatasetJob,
    place: (finished: string, document: DatasetDocument) => Promise<DatasetDocument>,
    onProgress: (progress: ImportProgress) => void,
    signal?: AbortSignal,
  ): Promise<DatasetDocument> {
    return withStaging(async (workDirectory, freeBytes) => {
      const document = await runDatasetJob(createJob(workDirectory, freeBytes), onProgress, signal);
      return inOrder(() => place(finishedDirectory(workDirectory), document));
    });
  }

  async function moveIntoPlace(finished: string, id: string): Promise<void> {
    try {
      await rename(finished, directory(id));
    } catch (error) {
      throw describeWriteError(error, directory(id));
    }
    await syncDirectory(datasetsDirectory);
  }

  async function removeFolder(id: string): Promise<void> {
    const trash = trashDirectory(datasetsDirectory);
    try {
      await rename(join(datasetsDirectory, id), trash);
    } catch (error) {
      throw describeWriteError(error, join(datasetsDirectory, id));
    }
    await rm(trash, { recursive: true, force: true }).catch(() => undefined);
  }

  async function isUsable(id: string): Promise<boolean> {
    try {
      return (await findFileSizeProblems(join(datasetsDirectory, id), await readDocument(id))).length === 0;
    } catch {
      return false;
    }
  }

  let exampleInMaking: Promise<DatasetDocument> | null = null;
  async function makeExample(
    onProgress: (progress: ImportProgress) => void,
    signal?: AbortSignal,
  ): Promise<DatasetDocument> {
    const there = (await folderNames()).includes(exampleDatasetId);
    if (there && (await isUsable(exampleDatasetId))) return readDocument(exampleDatasetId);
    return runJob(
      (workDirectory, freeBytes) => ({ kind: 'example', workDirectory, freeBytes }),
      async (finished, document) => {
        // A damaged example is made again: nothing of it is anyone's own.
        if (there) await removeFolder(exampleDatasetId);
        await moveIntoPlace(finished, exampleDatasetId);
        return document;
      },
      onProgress,
      signal,
    );
  }

  return {
    directory,
    list: async () => (await scan()).documents,

    async problems() {
      const { documents, problems } = await scan();
      for (const document of documents) {
        const found = await findFileSizeProblems(directory(document.id), document);
        if (found.length === 0) continue;
        const message = `The data set “${document.id}” is damaged: ${found.join('; ')}.`;
        problems.push({ id: document.id, message, hint: damagedDatasetHint(document.id) });
      }
      return problems;
    },

    async get(idOrName) {
      const document = await find(idOrName);
      if (document === null) throw await notFound(idOrName);
      return document;
    },

    inspect: (path, { signal } = {}) =>
      withStaging((workDirectory, freeBytes) =>
        runInspection({ kind: 'inspect', path: resolve(path), workDirectory, freeBytes }, signal),
      ),

    async import(path, { name, onProgress = () => undefined, signal }) {
      const givenName = name?.trim() ?? null;
      if (givenName !== null && (givenName === '' || givenName.length > maximumNameLength)) {
        throw new LabError(
          'invalidArgument',
          `The name of a data set must have 1 to ${maximumNameLength} characters.`,
          'Choose another name, or leave it out.',
        );
      }
      return runJob(
        (workDirectory, freeBytes) => ({
          kind: 'import',
          path: resolve(path),
          name: givenName,
          workDirectory,
          freeBytes,
        }),
        async (finished, document) => {
          const { documents } = await scan();
          const same = documents.find(
            (other) => other.checksum === document.checksum && (givenName === null || other.name === givenName),
          );
          if (same && (await isUsable(same.id))) {
            onProgress({ phase: 'already imported', done: 1, total: 1 });
            return same;
          }
          const id = chooseFreeId(document.id, new Set(await folderNames()));
          const freeName = chooseFreeName(document.name, new Set(documents.map((other) => other.name)));
          const placed = { ...document, id, name: freeName };
          if (id !== document.id || freeName !== document.name) await writeDatasetDocument(finished, placed);
          await moveIntoPlace(finished, id);
          return placed;
        },
        onProgress,
        signal,
      );
    },

    async ensureExample({ onProgress = () => undefined, signal } = {}) {
      exampleInMaking ??= makeExample(onProgress, signal).finally(() => (exampleInMaking = null));
      return exampleInMaking;
    },

    async verify(idOrName) {
      const id = basename(idOrName);
      const folders = await folderNames();
      try {
        const document = await find(idOrName);
        if (document === null) throw await notFound(idOrName);
        const problems = await findDatasetProblems(directory(document.id), document);
        return { id: document.id, ok: problems.length === 0, problems };
      } catch (error) {
        if (!folders.includes(id) || !(error instanceof LabError)) throw error;
        return { id, ok: false, problems: [error.message] };
      }
    },

    async remove(idOrName) {
      const folders = await folderNames();
      const id = folders.includes(idOrName) ? idOrName : (await find(idOrName))?.id;
      if (id === undefined) throw await notFound(idOrName);
      await removeFolder(id);
      await syncDirectory(datasetsDirectory);
    },
  };
}
