import Database from 'better-sqlite3';
import { LabError, type LabErrorData } from '#shared/errors.ts';
import { translateErrors, translateFailures } from './storeErrors.ts';

/** Makes a part of a store over its tables. */
export type MakePart = <Methods extends object>(keeps: string, make: () => Methods) => Methods;

/** Where the layout is this program's: a table that is not as it should be ends the opening. */
export function ownLayout(file: string): MakePart {
  return (_keeps, make) => translateErrors(make(), file);
}

/**
 * Where a newer program made the layout: a part whose tables or columns have changed says so when it is
 * asked for something, and hides none of the others.
 */
export function newerLayout(file: string): MakePart {
  return (keeps, make) => {
    try {
      const methods = translateErrors(make(), file);
      return translateFailures(methods, (error) => (isUnknownLayout(error) ? unreadable(keeps, error) : error));
    } catch (error) {
      if (!isUnknownLayout(error)) throw error;
      const refuse = (): never => {
        throw unreadable(keeps, error);
      };
      return new Proxy({} as ReturnType<typeof make>, { get: () => refuse });
    }
  };
}

/** What looks damaged in a newer program's database may also be written in another way. */
export function doubtDamage({ message }: LabErrorData): LabErrorData {
  return {
    code: 'labFromNewerVersion',
    message,
    hint: 'It may also be written in a way that only the newer NormLab reads: update NormLab and look again.',
  };
}

/** SQLite knows no such table or column. */
function isUnknownLayout(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code === 'SQLITE_ERROR';
}

function unreadable(keeps: string, cause: unknown): LabError {
  return new LabError(
    'labFromNewerVersion',
    `The ${keeps} of this lab cannot be read: a newer NormLab keeps this in another way.`,
    'Update NormLab to see it.',
    cause,
  );
}
