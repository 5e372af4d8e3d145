import type { Database } from 'better-sqlite3';

/**
 * Writes something so that it outlasts a power cut: it is on the disk before this returns, with all that was written
 * before. Within a transaction, that one's end decides.
 */
export function durably<Result>(database: Database, write: () => Result): Result {
  if (database.inTransaction || database.readonly) return write();
  const synchronous = database.pragma('synchronous', { simple: true });
  database.pragma('synchronous = FULL');
  try {
    return write();
  } finally {
    database.pragma(`synchronous = ${String(synchronous)}`);
  }
}

/** A transaction that is on the disk when it returns. */
export function durableTransaction<Parameters extends unknown[], Result>(
  database: Database,
  action: (...parameters: Parameters) => Result,
): (...parameters: Parameters) => Result {
  const transaction = database.transaction(action);
  return (...parameters) => durably(database, () => transaction(...parameters));
}
