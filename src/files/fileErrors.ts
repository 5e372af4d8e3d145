import { LabError } from '#shared/errors.ts';

/** The code of a failed system call, as in `ENOENT`; undefined for any other error. */
export function systemErrorCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

/**
 * Turns a failed write into an expected failure with a way out; anything else comes back as it is.
 *
 * A full disk or quota is `diskFull`; no permission, a read-only disk, an error of the disk, a missing folder,
 * or a folder in the file's place is `labNotWritable`.
 */
export function describeWriteError(error: unknown, path: string): unknown {
  if (error instanceof LabError) return error;
  switch (systemErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new LabError(
        'diskFull',
        `The disk is full: “${path}” could not be written.`,
        'Free some space, or choose a lab folder on another disk with --lab; nothing that was there has changed.',
        error,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new LabError(
        'labNotWritable',
        `“${path}” could not be written: writing there is not permitted.`,
        'Give this account the right to write there, or choose another lab folder with --lab.',
        error,
      );
    case 'EIO':
      return new LabError(
        'labNotWritable',
        `“${path}” could not be written: the disk reports an error.`,
        'Check the disk and its connection, or choose a lab folder on another one with --lab; nothing that was there has changed.',
        error,
      );
    case 'ENOENT':
    case 'ENOTDIR':
      return new LabError(
        'labNotWritable',
        `“${path}” could not be written: its folder does not exist.`,
        'Create the folder, or choose another lab folder with --lab.',
        error,
      );
    case 'EISDIR':
      return new LabError(
        'labNotWritable',
        `“${path}” could not be written: it is a folder.`,
        'Name a file, or move the folder away.',
        error,
      );
    default:
      return error;
  }
}
