import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { findFileSizeProblems, imageLength } from './datasetDocument.ts';

/**
 * Reads all files of a data set and compares size and SHA-256 with its document.
 * @returns one sentence for each file that is missing, cut short or changed.
 */
export async function findDatasetProblems(
  directory: string,
  document: DatasetDocument,
  onProgress: (doneBytes: number, totalBytes: number) => void = () => undefined,
): Promise<string[]> {
  const problems = await findFileSizeProblems(directory, document);
  if (problems.length > 0) return problems;
  const totalBytes = (document.training.count + document.validation.count) * (imageLength(document.image) + 1);
  let doneBytes = 0;
  for (const split of ['training', 'validation'] as const) {
    const { imagesFile, imagesChecksum, labelsFile, labelsChecksum } = document[split];
    for (const [name, expected] of [
      [imagesFile, imagesChecksum],
      [labelsFile, labelsChecksum],
    ] as const) {
      const hash = createHash('sha256');
      try {
        const stream: AsyncIterable<Uint8Array> = createReadStream(join(directory, name), { highWaterMark: 2 ** 20 });
        for await (const chunk of stream) {
          hash.update(chunk);
          doneBytes += chunk.length;
          onProgress(doneBytes, totalBytes);
        }
      } catch {
        problems.push(`${name} cannot be read`);
        continue;
      }
      if (hash.digest('hex') !== expected)
        problems.push(`${name} has changed: its checksum is not the one of the import`);
    }
  }
  return problems;
}
