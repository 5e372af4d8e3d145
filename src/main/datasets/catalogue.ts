import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readDatasetDocument } from '#files/datasetDocument.ts';
import { systemErrorCode } from '#files/fileErrors.ts';
import { exampleDatasetId, type DatasetDocument } from '#shared/domain/dataset.ts';
import { LabError, toLabErrorData } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import type { DatasetProblem } from './datasetService.ts';

/** What is in a folder of data sets, read anew each time: people copy and delete folders. */
export interface Catalogue {
  folderNames: () => Promise<string[]>;
  /** @throws LabError `invalidDataset` where the folder is damaged or holds another data set. */
  readDocument: (id: string) => Promise<DatasetDocument>;
  scan: () => Promise<{ documents: DatasetDocument[]; problems: DatasetProblem[] }>;
  /** By id, else by name, else by name without regard to case. */
  find: (idOrName: string) => Promise<DatasetDocument | null>;
  /** The error that names the data sets there are. */
  notFound: (idOrName: string) => Promise<LabError>;
}

/** @param prepare Awaited before the folder is read. */
export function createCatalogue(datasetsDirectory: string, prepare: () => Promise<void>): Catalogue {
  async function folderNames(): Promise<string[]> {
    await prepare();
    try {
      const entries = await readdir(datasetsDirectory, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return [];
      throw new LabError(
        'labDamaged',
        `The lab’s data sets in “${datasetsDirectory}” cannot be read.`,
        'Check the permissions of the folder, or choose another lab folder with --lab.',
        error,
      );
    }
  }

  async function readDocument(id: string): Promise<DatasetDocument> {
    const document = await readDatasetDocument(join(datasetsDirectory, id), id);
    if (document.id === id) return document;
    throw new LabError(
      'invalidDataset',
      `The folder “${id}” holds the data set “${document.id}”.`,
      `Rename the folder to “${document.id}”, or remove it.`,
    );
  }

  async function scan(): Promise<{ documents: DatasetDocument[]; problems: DatasetProblem[] }> {
    const documents: DatasetDocument[] = [];
    const problems: DatasetProblem[] = [];
    for (const id of await folderNames()) {
      try {
        documents.push(await readDocument(id));
      } catch (error) {
        const { message, hint } = toLabErrorData(error);
        problems.push({ id, message, hint });
      }
    }
    const key = ({ name, id }: DatasetDocument): string => `${name}\0${id}`;
    documents.sort((left, right) => (key(left) < key(right) ? -1 : 1));
    return { documents, problems };
  }

  async function find(idOrName: string): Promise<DatasetDocument | null> {
    if ((await folderNames()).includes(idOrName)) return readDocument(idOrName);
    const { documents } = await scan();
    const wanted = idOrName.toLowerCase();
    return (
      documents.find(({ name }) => name === idOrName) ??
      documents.find(({ name }) => name.toLowerCase() === wanted) ??
      null
    );
  }

  async function notFound(idOrName: string): Promise<LabError> {
    if (idOrName === exampleDatasetId) {
      return new LabError(
        'notFound',
        'The example data set has not been made yet.',
        `Make it with ${labCommand('datasets example')}.`,
      );
    }
    const there = (await scan()).documents.map((document) => document.id).join(', ');
    return new LabError(
      'notFound',
      `There is no data set “${idOrName}”.`,
      `${there === '' ? 'There is none yet' : `There are: ${there}`}; ${labCommand('datasets import PATH')} adds one.`,
    );
  }

  return { folderNames, readDocument, scan, find, notFound };
}
