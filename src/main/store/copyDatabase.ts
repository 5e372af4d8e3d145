import Database from 'better-sqlite3';
import { isBusy, isDamaged, toStoreError } from './storeErrors.ts';

/** How whoever waits for a copy follows and ends it. */
export interface CopyWatch {
  signal?: AbortSignal;
  onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** A turn of the event loop copies a megabyte, so that whoever owns the lab answers meanwhile. */
const pagesAtOnce = 256;

/**
 * SQLite's online backup, a few pages at a time. What this connection writes meanwhile is in the copy; to
 * be the database of one moment where others write, it has to hold a read transaction.
 * @throws LabError `diskFull`, `labNotWritable`, `labDamaged`, `labInUse`; the signal's reason.
 */
export async function copyDatabase(source: Database.Database, to: string, watch: CopyWatch = {}): Promise<void> {
  const { signal, onProgress } = watch;
  try {
    const pageBytes = Number(source.pragma('page_size', { simple: true }));
    await source.backup(to, {
      progress({ totalPages, remainingPages }) {
        signal?.throwIfAborted();
        onProgress?.((totalPages - remainingPages) * pageBytes, totalPages * pageBytes);
        return pagesAtOnce;
      },
    });
  } catch (error) {
    throw toStoreError(error, isDamaged(error) || isBusy(error) ? source.name : to);
  }
}

/** Copies a database that another process may have open, as it is at one moment. Throws as `copyDatabase`. */
export async function copyDatabaseFile(from: string, to: string, watch: CopyWatch = {}): Promise<void> {
  let source: Database.Database | undefined;
  try {
    source = new Database(from, { readonly: true, fileMustExist: true, timeout: 5000 });
    // A transaction begins with its first read.
    source.exec('BEGIN; SELECT 1 FROM sqlite_schema');
    await copyDatabase(source, to, watch);
  } catch (error) {
    throw toStoreError(error, from);
  } finally {
    source?.close();
  }
}
