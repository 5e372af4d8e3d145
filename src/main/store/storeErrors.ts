import { LabError } from '#shared/errors.ts';

const notWritableCodes = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOENT', 'ELOOP', 'EIO']);
const diskFullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** True where SQLite says that another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  const code = errorCode(error);
  return code.startsWith('SQLITE_BUSY') || code === 'SQLITE_LOCKED';
}

/** True where SQLite says that a file is not a database or is damaged. */
export function isDamaged(error: unknown): boolean {
  const code = errorCode(error);
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}

/**
 * Turns a failure of SQLite or of the file system on `path` into a `LabError` with a way out:
 * `diskFull`, `labNotWritable`, `labDamaged` or `labInUse`. Anything else is returned as it is.
 */
export function toStoreError(error: unknown, path: string): unknown {
  if (error instanceof LabError) return error;
  const code = errorCode(error);
  if (code === 'SQLITE_FULL' || diskFullCodes.has(code)) {
    return new LabError(
      'diskFull',
      `The disk that holds ${path} is full.`,
      'Free some space and try again; what was written before is kept.',
      error,
    );
  }
  if (isDamaged(error)) return damagedFile(path, error);
  if (isBusy(error)) {
    return new LabError(
      'labInUse',
      `Another process is using ${path}.`,
      'Wait until it is done or close it, then try again.',
      error,
    );
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return new LabError(
      'labNotWritable',
      `The disk reported an error while reading or writing ${path}.`,
      'Check that the disk is connected and healthy, then try again.',
      error,
    );
  }
  if (
    notWritableCodes.has(code) ||
    ['SQLITE_CANTOPEN', 'SQLITE_READONLY', 'SQLITE_PERM', 'SQLITE_AUTH'].some((prefix) => code.startsWith(prefix))
  ) {
    return new LabError(
      'labNotWritable',
      `${path} cannot be written.`,
      'Check its permissions and those of its folder, or choose another folder.',
      error,
    );
  }
  return error;
}

/** `labDamaged` for a database file, with what to copy away and where to go on. */
export function damagedFile(path: string, cause?: unknown): LabError {
  return new LabError(
    'labDamaged',
    `The database ${path} is damaged or is not a NormLab database.`,
    `Copy ${path} (with ${path}-wal and ${path}-journal, where they exist) to another folder as a backup, then put an ` +
      'earlier copy of it in its place or move it away to begin with an empty history; data sets and checkpoints stay.',
    cause,
  );
}

/** The same object with every method's failures translated by `toStoreError`. */
export function translateErrors<Methods extends object>(methods: Methods, path: string): Methods {
  return translateFailures(methods, (error) => toStoreError(error, path));
}

/** The same object; what its methods throw is translated first. */
export function translateFailures<Methods extends object>(
  methods: Methods,
  translate: (error: unknown) => unknown,
): Methods {
  return new Proxy(methods, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      return (...values: unknown[]): unknown => {
        try {
          return Reflect.apply(member, target, values) as unknown;
        } catch (error) {
          throw translate(error);
        }
      };
    },
  });
}
