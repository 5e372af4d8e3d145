import { access, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { LabError } from '#shared/errors.ts';
import type { Environment } from './engineCache.ts';

/** An installed TensorFlow that `NORMLAB_TENSORFLOW` points to. */
export interface GivenTensorFlow {
  libraryDirectory: string;
  /** True for a build with CUDA. */
  hasCuda: boolean;
  bytes: number;
}

const libraryNames = ['libtensorflow_framework.so.2', 'libtensorflow_cc.so.2'];

/**
 * Finds the TensorFlow that `NORMLAB_TENSORFLOW` names: the folder of its libraries, a Python
 * environment's `site-packages`, or the environment itself.
 * @returns null where the variable is not set.
 * @throws LabError `engineMissing` where it is set and no TensorFlow is there.
 */
export async function findGivenTensorFlow(environment: Environment): Promise<GivenTensorFlow | null> {
  const given = environment['NORMLAB_TENSORFLOW'];
  if (!given) return null;
  const path = resolve(environment['INIT_CWD'] ?? '.', given);
  // The path of a library itself is understood too.
  const start = libraryNames.includes(basename(path)) ? dirname(path) : path;
  for (const libraryDirectory of [start, join(start, 'tensorflow')]) {
    const sizes = await Promise.all(libraryNames.map((name) => fileSize(join(libraryDirectory, name))));
    if (sizes.includes(null)) continue;
    const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    return { libraryDirectory, hasCuda: await hasCuda(libraryDirectory), bytes };
  }
  throw new LabError(
    'engineMissing',
    `NORMLAB_TENSORFLOW names “${given}”, where there is no ${libraryNames.join(' and ')}.`,
    'Let it name the tensorflow folder inside a Python environment’s site-packages, or unset it.',
  );
}

async function fileSize(path: string): Promise<number | null> {
  return stat(path).then(
    (status) => status.size,
    () => null,
  );
}

async function hasCuda(libraryDirectory: string): Promise<boolean> {
  // A Python package says what it was built with; a bare folder of libraries has CUDA's beside it.
  const buildInformation = await readFile(join(libraryDirectory, 'python/platform/build_info.py'), 'utf8').catch(
    () => null,
  );
  if (buildInformation !== null) return /is_cuda_build['"]\s*[,:]\s*True/.test(buildInformation);
  return access(join(dirname(libraryDirectory), 'nvidia', 'cudnn')).then(
    () => true,
    () => false,
  );
}
