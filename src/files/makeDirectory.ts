import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemErrorCode } from './fileErrors.ts';

/**
 * Makes a folder with all above it, as `mkdir -p`. Node's own recursive mkdir never returns where the
 * folder above is there and yet nothing can be made in it, as in `/proc`.
 * @throws the error of the system call.
 */
export function makeDirectory(directory: string): void {
  try {
    makeOne(directory);
  } catch (error) {
    const above = dirname(directory);
    if (systemErrorCode(error) !== 'ENOENT' || above === directory) throw error;
    makeDirectory(above);
    makeOne(directory);
  }
}

function makeOne(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    // Another process may have made it just now.
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}
