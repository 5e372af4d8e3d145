import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hashDocument } from '#shared/canonicalJson.ts';
import { datasetDocumentSchema, type DatasetDocument, type DatasetSplit } from '#shared/domain/dataset.ts';
import { describeProblems } from '#shared/describeProblems.ts';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { systemErrorCode } from './fileErrors.ts';

/** Description of a data set in its folder; written last, so that a folder without it is not a data set. */
export const datasetDocumentFile = 'dataset.json';

/** Names of a split's files in a data set's folder. */
export function splitFiles(split: DatasetSplit): { imagesFile: string; labelsFile: string } {
  return { imagesFile: `${split}-images.u8`, labelsFile: `${split}-labels.u8` };
}

/** Bytes of one image: height·width·channels, one byte each. */
export function imageLength(image: DatasetDocument['image']): number {
  return image.height * image.width * image.channels;
}

/** Identity of a data set's pixels and labels: SHA-256 over shape and the four files' checksums. */
export function datasetChecksum(document: Pick<DatasetDocument, 'image' | 'training' | 'validation'>): string {
  const { image, training, validation } = document;
  return hashDocument({
    image,
    training: { images: training.imagesChecksum, labels: training.labelsChecksum },
    validation: { images: validation.imagesChecksum, labels: validation.labelsChecksum },
  });
}

/** What to do about a damaged data set, in one sentence. */
export function damagedDatasetHint(id: string): string {
  return `${labCommand(`datasets verify ${id}`)} lists what is wrong; ${labCommand(`datasets remove ${id}`)} and import it again.`;
}

/**
 * Reads and checks `dataset.json` of a data set's folder.
 * @throws LabError `invalidDataset` where it is missing, damaged or contradicts itself.
 */
export async function readDatasetDocument(directory: string, id: string): Promise<DatasetDocument> {
  const invalid = (problem: string, cause?: unknown): LabError =>
    new LabError('invalidDataset', `The data set “${id}” is damaged: ${problem}.`, damagedDatasetHint(id), cause);
  let text: string;
  try {
    text = await readFile(join(directory, datasetDocumentFile), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw invalid(`${datasetDocumentFile} is missing`, error);
    throw invalid(`${datasetDocumentFile} cannot be read`, error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(`${datasetDocumentFile} is not valid JSON`, error);
  }
  const result = datasetDocumentSchema.safeParse(json);
  if (!result.success) throw invalid(`${datasetDocumentFile}: ${describeProblems(result.error)}`);
  const contradiction = findContradiction(result.data);
  if (contradiction !== null) throw invalid(`${datasetDocumentFile}: ${contradiction}`);
  return result.data;
}

function findContradiction(document: DatasetDocument): string | null {
  const { normalization, image, classNames } = document;
  if (normalization.mean.length !== image.channels || normalization.standardDeviation.length !== image.channels) {
    return `normalization does not have ${image.channels} values, one a channel`;
  }
  for (const split of ['training', 'validation'] as const) {
    const { imagesFile, labelsFile, classCounts, count } = document[split];
    const expected = splitFiles(split);
    // Other names could lead out of the folder.
    if (imagesFile !== expected.imagesFile || labelsFile !== expected.labelsFile) {
      return `the files of ${split} must be named ${expected.imagesFile} and ${expected.labelsFile}`;
    }
    if (classCounts.length !== classNames.length || classCounts.reduce((sum, value) => sum + value, 0) !== count) {
      return `the images a class of ${split} do not add up to ${count}`;
    }
  }
  return datasetChecksum(document) === document.checksum ? null : 'checksum does not fit the files’ checksums';
}

/** One sentence for each of the data set's files that is missing or does not have the size it should have. */
export async function findFileSizeProblems(directory: string, document: DatasetDocument): Promise<string[]> {
  const problems: string[] = [];
  for (const split of ['training', 'validation'] as const) {
    const { count, imagesFile, labelsFile } = document[split];
    for (const [name, expected] of [
      [imagesFile, count * imageLength(document.image)],
      [labelsFile, count],
    ] as const) {
      const bytes = await stat(join(directory, name)).then(
        (status) => (status.isFile() ? status.size : null),
        () => null,
      );
      if (bytes === null) problems.push(`${name} is missing`);
      else if (bytes < expected) problems.push(`${name} is cut short: it has ${bytes} of ${expected} bytes`);
      else if (bytes > expected) problems.push(`${name} is too long: it has ${bytes} bytes instead of ${expected}`);
    }
  }
  return problems;
}
