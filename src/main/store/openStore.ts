import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { LabError, type LabErrorData } from '#shared/errors.ts';
import { copyDatabase } from './copyDatabase.ts';
import { runDatabaseTask } from './databaseThread.ts';
import { listDamage } from './damage.ts';
import { createExperimentStore } from './experimentStore.ts';
import { networkFileSystem as findNetworkFileSystem } from './fileSystem.ts';
import { createId } from './ids.ts';
import { createLabDirectory } from './labDirectory.ts';
import { acquireLabLock, type LabDoor } from './labLock.ts';
import type { LockOwner } from './processLock.ts';
import { createMemoryStore } from './memoryStore.ts';
import { createMetricStore } from './metricStore.ts';
import { migrateDatabase, newestVersion, readVersion, requireReadableVersion } from './migrate.ts';
import type { Migration } from './migrations/index.ts';
import { doubtDamage, newerLayout, ownLayout, type MakePart } from './newerLayout.ts';
import { createQueueStore } from './queueStore.ts';
import { createRenewableStore, type RenewableStore } from './renewableStore.ts';
import { createRunStore } from './runStore.ts';
import { describeSalvage, finishReplacement, salvageDatabase } from './salvage.ts';
import { damagedFile, toStoreError, translateErrors } from './storeErrors.ts';
import type { Store } from './store.ts';
import { transferRuns } from './transferRuns.ts';

export interface OpenStoreOptions {
  /** Written into the database where this program migrates it, for the message of an older program. */
  appVersion?: string;
  /** Changes nothing, and opens databases of newer programs too: for reading beside an owner, and for a way out. */
  readOnly?: boolean;
  /** Told what works, but not as well as it could, and what is damaged. */
  onNotice?: (notice: LabErrorData) => void;
  /** Replaced in tests. */
  migrations?: readonly Migration[];
  networkFileSystem?: (directory: string) => string | null;
  /** Time to wait for another program (a backup, a browser of databases) that has the file locked. */
  busyTimeoutMs?: number;
}

const usualBusyTimeoutMs = 5000;

/** A lab folder that belongs to this process. */
export interface OpenLab {
  /** The folder as it was given. */
  directory: string;
  owner: LockOwner;
  store: Store;
  /** What was said at the last opening of the database. */
  notices: LabErrorData[];
  /** Closes the database for work in another thread, and opens it again. */
  renew: RenewableStore['renew'];
  /** Closes the store and lets the folder go. */
  close(): void;
}

/**
 * Opens a lab folder for this process alone, made where it is absent.
 * @throws LabError `labInUse` naming the owner, and as `openStore`.
 */
export function openLab(
  labDirectory: string,
  door: LabDoor,
  options: Omit<OpenStoreOptions, 'onNotice'> = {},
): OpenLab {
  createLabDirectory(labDirectory);
  const lock = acquireLabLock(labDirectory, door);
  try {
    const notices: LabErrorData[] = [];
    const { store, renew } = createRenewableStore(() => {
      const opened = openOrSalvage(labDirectory, options);
      notices.splice(0, notices.length, ...opened.notices);
      return opened.store;
    });
    return {
      directory: labDirectory,
      owner: lock.owner,
      store,
      notices,
      renew,
      close() {
        try {
          store.close();
        } finally {
          lock.release();
        }
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens the store; where its database is damaged, what can be read of it is saved into a new one first. */
function openOrSalvage(
  labDirectory: string,
  options: Omit<OpenStoreOptions, 'onNotice'>,
): { store: Store; notices: LabErrorData[] } {
  const file = databasePath(labDirectory);
  const notices: LabErrorData[] = [];
  const open = (): Store => openStore(labDirectory, { ...options, onNotice: (notice) => notices.push(notice) });
  try {
    finishReplacement(file);
    return { store: open(), notices };
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'labDamaged') throw toStoreError(error, file);
  }
  notices.length = 0;
  const salvaged = describeSalvage(salvageDatabase(file));
  const store = open();
  return { store, notices: [...salvaged, ...notices] };
}

/** The database of a lab folder. */
export function databasePath(labDirectory: string): string {
  return join(labDirectory, 'lab.sqlite');
}

/**
 * Opens `lab.sqlite` in a lab folder, both made where they are absent, and brings it to this
 * program's layout. The caller owns the folder (`openLab`, `acquireLabLock`).
 * @throws LabError `labNotWritable`, `labDamaged`, `labFromNewerVersion` (the file is not changed), `diskFull`.
 */
export function openStore(labDirectory: string, options: OpenStoreOptions = {}): Store {
  if (options.readOnly === true) return openStoreReadOnly(labDirectory, options);
  createLabDirectory(labDirectory);
  const file = databasePath(labDirectory);
  // The last owner's end leaves nothing but the database; a crash or a power cut leaves its journal.
  const endedWell = !existsSync(`${file}-wal`) && !existsSync(`${file}-journal`);
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { timeout: options.busyTimeoutMs ?? usualBusyTimeoutMs });
    if (!endedWell) checkPages(database);
    prepareDatabase(database, labDirectory, options);
    const store = openTables(database, file);
    // Also where the clock was set back since: ids say which came first.
    for (const table of ['runs', 'experiments']) {
      const newest: unknown = database.prepare(`SELECT max(id) FROM ${table}`).pluck().get();
      if (typeof newest === 'string') createId.follow(newest);
    }
    for (const notice of store.damaged()) options.onNotice?.(notice);
    return store;
  } catch (error) {
    database?.close();
    throw toStoreError(error, file);
  }
}

function openReadable(labDirectory: string): Database.Database {
  const options = { timeout: usualBusyTimeoutMs, readonly: true, fileMustExist: true };
  const database = new Database(databasePath(labDirectory), options);
  try {
    requireReadableVersion(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Makes a lab of some runs of another, as they are at one moment, in a folder that is there and empty.
 * @throws LabError `notFound`, `labDamaged`, `diskFull`, ….
 */
export function copyRunsOut(labDirectory: string, toDirectory: string, runIds: readonly string[]): void {
  const file = databasePath(toDirectory);
  let source: Database.Database | undefined;
  let target: Database.Database | undefined;
  try {
    source = openReadable(labDirectory);
    source.exec('BEGIN');
    target = new Database(file);
    migrateDatabase(target);
    transferRuns(source, target, runIds);
  } catch (error) {
    throw toStoreError(error, file);
  } finally {
    source?.close();
    target?.close();
  }
}

function openStoreReadOnly(labDirectory: string, { onNotice }: OpenStoreOptions): Store {
  const file = databasePath(labDirectory);
  let database: Database.Database | undefined;
  try {
    database = openReadable(labDirectory);
    const store =
      readVersion(database) > newestVersion
        ? createStore(database, newerLayout(file), describeNewerDamage)
        : openTables(database, file);
    for (const notice of store.damaged()) onNotice?.(notice);
    return store;
  } catch (error) {
    database?.close();
    throw toStoreError(error, file);
  }
}

function describeNewerDamage(database: Database.Database): LabErrorData[] {
  try {
    return listDamage(database).map(doubtDamage);
  } catch {
    // Its tables are others; whoever asks for what is in them is told.
    return [];
  }
}

/** @throws LabError `labDamaged` where a table is not as its migrations made it. */
function openTables(database: Database.Database, file: string): Store {
  try {
    return translateErrors(createStore(database, ownLayout(file)), file);
  } catch (error) {
    const isSqlError = error instanceof Database.SqliteError && error.code === 'SQLITE_ERROR';
    throw isSqlError ? damagedFile(file, error) : error;
  }
}

/** @throws LabError `labDamaged` where pages of the database are out of order. */
function checkPages(database: Database.Database): void {
  const problems = database.pragma('quick_check(10)') as { quick_check: string }[];
  const found = problems.map(({ quick_check }) => quick_check).filter((text) => text !== 'ok');
  if (found.length > 0) throw damagedFile(database.name, new Error(found.join('; ')));
}

function prepareDatabase(
  database: Database.Database,
  labDirectory: string,
  { appVersion, onNotice, migrations, networkFileSystem = findNetworkFileSystem }: OpenStoreOptions,
): void {
  const network = networkFileSystem(labDirectory);
  // Without shared memory, which is not shared between hosts: a database that was in WAL mode opens too.
  if (network !== null) database.pragma('locking_mode = EXCLUSIVE');
  migrateDatabase(database, {
    ...(migrations === undefined ? {} : { migrations }),
    ...(appVersion === undefined ? {} : { appVersion }),
  });
  // Fails now, and not at a run's first step, where the file cannot be written.
  database.exec('BEGIN IMMEDIATE; ROLLBACK');

  const journalMode = database.pragma(`journal_mode = ${network === null ? 'WAL' : 'DELETE'}`, { simple: true });
  // With WAL a power cut may undo what was not written `durably`, but never damages the file.
  database.pragma(`synchronous = ${journalMode === 'wal' ? 'NORMAL' : 'FULL'}`);
  database.pragma('foreign_keys = ON');
  if (journalMode !== 'wal') {
    onNotice?.({
      code: 'networkFileSystem',
      message: `The lab folder ${labDirectory} is on ${network === null ? 'a disk without shared memory' : `a network file system (${network})`}; its database uses a slower journal there.`,
      hint: 'For speed choose a folder on a local disk with --lab DIR or NORMLAB_HOME, and copy it when it is done.',
    });
  }
}

/** A smaller database is read sooner than a thread starts. */
const fewBytes = 20e6;

function createStore(database: Database.Database, part: MakePart, listOwnDamage = listDamage): Store {
  const metrics = part('curves', () => createMetricStore(database));
  const forget = (runId: string): void => metrics.forget(runId);
  /** Where nobody else may read it, as on a network file system, not even another thread can. */
  const isShared = (): boolean => database.pragma('locking_mode', { simple: true }) === 'normal';
  return {
    experiments: part('experiments', () => createExperimentStore(database, (runIds) => runIds.forEach(forget))),
    runs: part('runs', () => createRunStore(database, forget)),
    queue: part('queue', () => createQueueStore(database)),
    metrics,
    memory: part('settings', () => createMemoryStore(database)),
    damaged: () => listOwnDamage(database),
    async findDamage() {
      const bytes = Number(
        database.prepare('SELECT page_count * page_size FROM pragma_page_count, pragma_page_size').pluck().get(),
      );
      if (!isShared() || bytes < fewBytes) return listOwnDamage(database);
      return runDatabaseTask('listDamage', { directory: dirname(database.name) }, database.name);
    },
    async copyTo(to, { signal, onProgress } = {}) {
      if (!isShared())
        return copyDatabase(database, to, { ...(signal && { signal }), ...(onProgress && { onProgress }) });
      const from = database.name;
      await runDatabaseTask('copyDatabase', { from, to }, to, signal, onProgress);
      return undefined;
    },
    importRuns(fromDirectory, place) {
      const source = openReadable(fromDirectory);
      try {
        return database.transaction(() => {
          const ids = source.prepare<[], string>('SELECT id FROM runs ORDER BY runKey').pluck().all();
          const runs = transferRuns(source, database, ids);
          place(runs);
          return runs;
        })();
      } finally {
        source.close();
      }
    },
    close() {
      if (!database.open) return;
      try {
        if (!database.readonly) metrics.flush();
      } finally {
        database.close();
      }
    },
  };
}
