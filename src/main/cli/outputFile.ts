import { LabError } from '#shared/errors.ts';
import { writeFileAtomically } from '#files/atomicWrite.ts';
import type { CommandContext } from './context.ts';

/**
 * Writes a file that was named on the command line, whole or not at all.
 * @returns its absolute path.
 * @throws LabError `labNotWritable` or `diskFull`, with a hint that fits such a file.
 */
export async function writeOutputFile(context: CommandContext, path: string, text: string): Promise<string> {
  const file = context.resolvePath(path);
  try {
    await writeFileAtomically(file, text);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    const hint =
      error.code === 'diskFull'
        ? 'Free some space, or name a file on another disk.'
        : 'Name a file in a folder that is there and may be written.';
    throw new LabError(error.code, error.message, hint, error.cause);
  }
  return file;
}
