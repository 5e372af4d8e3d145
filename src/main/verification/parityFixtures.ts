import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '#shared/errors.ts';
import type { EngineLocation, ParityRecord } from '#shared/protocol.ts';
import type { TrainerLauncher } from '../runs/trainerLauncher.ts';
import { checkParity } from '../runs/trainerTask.ts';

/**
 * The folder itself where it is a reference run, else the reference runs in it.
 * @throws LabError `notFound` where there is none.
 */
export function findParityFixtures(directory: string): string[] {
  const isFixture = (folder: string): boolean => existsSync(join(folder, 'run.json'));
  if (isFixture(directory)) return [directory];
  const found = listNames(directory)
    .map((name) => join(directory, name))
    .filter(isFixture);
  if (found.length > 0) return found;
  throw new LabError(
    'notFound',
    `There is no reference run in ${directory}.`,
    'Name a folder with run.json, expected.json and tensors.safetensors, or one that holds such folders.',
  );
}

/** Names in a folder; none where it is no folder, or may not be read. */
function listNames(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

/**
 * Repeats reference runs, each in a trainer of its own, so that one that ends its trainer spoils no other.
 * @param onProgress Told before each, with how many are done.
 */
export async function repeatReferenceRuns(
  launcher: TrainerLauncher,
  engine: EngineLocation,
  fixtures: readonly string[],
  { signal, onProgress }: { signal: AbortSignal; onProgress: (done: number, fixture: string) => void },
): Promise<ParityRecord[]> {
  const records: ParityRecord[] = [];
  for (const [index, fixture] of fixtures.entries()) {
    onProgress(index, fixture);
    records.push(...(await checkParity(launcher, { engine, directories: [fixture] }, signal)));
  }
  return records;
}
