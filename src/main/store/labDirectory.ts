import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, posix, resolve, win32 } from 'node:path';
import { makeDirectory } from '#files/makeDirectory.ts';
import { LabError } from '#shared/errors.ts';
import { toStoreError } from './storeErrors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The lab folder where none is named: `NORMLAB_HOME`, else `normlab` in the user's data folder
 * (XDG base directory specification; Application Support on macOS, %APPDATA% on Windows).
 */
export function defaultLabDirectory(
  environment: Environment,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  if (environment['NORMLAB_HOME']) return resolve(environment['NORMLAB_HOME']);
  if (platform === 'win32') {
    return win32.join(environment['APPDATA'] ?? win32.join(home, 'AppData', 'Roaming'), 'NormLab');
  }
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support', 'NormLab');
  const dataHome = environment['XDG_DATA_HOME'];
  // The specification: a relative path is to be ignored.
  return posix.join(dataHome && isAbsolute(dataHome) ? dataHome : posix.join(home, '.local', 'share'), 'normlab');
}

/**
 * Creates a lab folder where it is absent.
 * @throws LabError `labNotWritable` where the path is a file or cannot be made; `diskFull`.
 */
export function createLabDirectory(labDirectory: string): void {
  try {
    if (statSync(labDirectory, { throwIfNoEntry: false })?.isFile()) {
      throw new LabError(
        'labNotWritable',
        `The lab folder ${labDirectory} is a file.`,
        'Name a folder with --lab DIR or NORMLAB_HOME; it is made where it is absent.',
      );
    }
    makeDirectory(labDirectory);
  } catch (error) {
    throw toStoreError(error, labDirectory);
  }
}
