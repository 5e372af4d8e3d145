import type { Database } from 'better-sqlite3';
import { migrateToVersion10 } from './0010-initial.ts';
import { migrateToVersion20 } from './0020-metrics.ts';
import { migrateToVersion30 } from './0030-memory.ts';
import { migrateToVersion40 } from './0040-checksums.ts';
import { migrateToVersion50 } from './0050-queue.ts';

export interface Migration {
  /** `user_version` of a database behind this migration: a multiple of ten. */
  version: number;
  migrate: (database: Database) => void;
}

/** Every change of the database's layout, oldest first. A released one is never edited. */
export const migrations: readonly Migration[] = [
  { version: 10, migrate: migrateToVersion10 },
  { version: 20, migrate: migrateToVersion20 },
  { version: 30, migrate: migrateToVersion30 },
  { version: 40, migrate: migrateToVersion40 },
  { version: 50, migrate: migrateToVersion50 },
];
