import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LabError } from '#shared/errors.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { testEngines } from '../../../engines.ts';

const names = ['libtensorflow_framework.so.2', 'libtensorflow_cc.so.2'] as const;
const tensorflow = testEngines.find(({ name }) => name === 'tensorflow')?.location;
const libraryDirectory = tensorflow?.kind === 'tensorflow' ? tensorflow.libraryDirectory : null;

async function failureOf(opening: Promise<Engine>): Promise<LabError> {
  const outcome = await opening.catch((error: unknown) => error);
  if (!(outcome instanceof LabError)) throw new Error('the engine opened');
  return outcome;
}

describe.runIf(process.platform === 'linux')('TensorFlow libraries on Linux', () => {
  let directory: string;
  const open = (): Promise<Engine> =>
    openEngine({ kind: 'tensorflow', libraryDirectory: directory, device: 'cpu', threads: null });

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'normlab-engine-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('are missing: says which and how to get them', async () => {
    const error = await failureOf(open());
    expect(error.code).toBe('engineMissing');
    expect(error.message).toBe(`TensorFlow is not in ${directory}: libtensorflow_framework.so.2 is missing.`);
    expect(error.hint).toContain('NORMLAB_TENSORFLOW');
  });

  it('are damaged: says which file does not load', async () => {
    for (const name of names) await writeFile(path.join(directory, name), 'not a library');
    const error = await failureOf(open());
    expect(error.code).toBe('engineMissing');
    expect(error.message).toContain(path.join(directory, 'libtensorflow_framework.so.2'));
  });

  it.runIf(libraryDirectory)('are of another version: says which function lacks', async () => {
    // The framework library alone has the functions for tensors, but not those for graphs.
    for (const name of names) await symlink(path.join(libraryDirectory ?? '', names[0]), path.join(directory, name));
    const error = await failureOf(open());
    expect(error.code).toBe('engineFailed');
    expect(error.message).toMatch(/has no function TF_\w+: its version does not fit/);
  });
});
