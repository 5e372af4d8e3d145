import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { writeFileAtomically } from '#files/atomicWrite.ts';
import { describeWriteError } from '#files/fileErrors.ts';
import { parseSafetensors } from '#files/safetensors.ts';
import type { InitialWeights } from '#shared/domain/initialWeights.ts';
import { LabError } from '#shared/errors.ts';

/** Weights that runs begin with, each file once by its SHA-256: runs stay repeatable when the original moves. */
export function weightsFile(labDirectory: string, sha256: string): string {
  return join(labDirectory, 'weights', `${sha256}.safetensors`);
}

/**
 * Pins initial weights to the bytes of their file and keeps a copy of it in the lab. One that is pinned
 * and kept already needs its file no more.
 * @throws LabError `invalidDocument` where the file cannot be read, is no safetensors file or is not
 *   the one that it was; `diskFull` or `labNotWritable` where it cannot be copied.
 */
export async function keepWeights(labDirectory: string, weights: InitialWeights): Promise<InitialWeights> {
  const { file, sha256 } = weights;
  if (file === null || (sha256 !== undefined && existsSync(weightsFile(labDirectory, sha256)))) return weights;
  if (!isAbsolute(file)) {
    throw invalid(file, 'it is not in this lab, and its path is not absolute', 'Write the file’s whole path.');
  }
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw invalid(file, 'the file cannot be read', 'Check the path.', error);
  }
  try {
    parseSafetensors(bytes);
  } catch (error) {
    throw invalid(file, error instanceof LabError ? error.message : 'it is damaged', 'Name a safetensors file.', error);
  }
  const found = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && found !== sha256) {
    throw invalid(
      file,
      'it has changed since the document was made',
      'Leave initialWeights.sha256 out to take it anew.',
    );
  }
  const copy = weightsFile(labDirectory, found);
  if (!existsSync(copy)) {
    await mkdir(join(labDirectory, 'weights'), { recursive: true }).catch((error: unknown) => {
      throw describeWriteError(error, labDirectory);
    });
    await writeFileAtomically(copy, bytes);
  }
  return { file, sha256: found };
}

function invalid(file: string, what: string, hint: string, cause?: unknown): LabError {
  return new LabError('invalidDocument', `The initial weights “${file}” cannot be used: ${what}.`, hint, cause);
}
