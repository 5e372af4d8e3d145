import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { migrations as allMigrations, type Migration } from './migrations/index.ts';
import { putLabInfo, readLabInfo } from './labInfo.ts';
import { damagedFile } from './storeErrors.ts';

/** SQLite's `application_id` of a lab's database: “NLab”. */
export const applicationId = 0x4e4c6162;

/** From here on rows have checksums, and the layout's version is written down a second time. */
export const versionWithChecksums = 40;
/** The layout that this program writes. */
export const newestVersion = allMigrations.at(-1)?.version ?? 0;
const layoutVersionKey = 'layoutVersion';

/** Layout of the database, as SQLite's `user_version`; 0 for a new file. */
export function readVersion(database: Database): number {
  return Number(database.pragma('user_version', { simple: true }));
}

/** @throws Error where the list is not in ascending order of whole tens: a mistake of ours. */
export function checkMigrationOrder(migrations: readonly Migration[]): void {
  let previous = 0;
  for (const { version } of migrations) {
    if (version % 10 !== 0 || version <= previous) {
      throw new Error(`Migration ${version} is listed behind ${previous}: versions ascend in tens.`);
    }
    previous = version;
  }
}

/** The copy that is made of a database before it is migrated to a version. */
export function backupPath(file: string, version: number): string {
  return `${file}.before-${version}.backup`;
}

/** Copies that stay: the way back over so many updates. Each is as large as the database. */
const keptCopies = 2;

/**
 * Brings a database to the newest layout, or to that of the last migration given. All pending
 * migrations run in one transaction; a database that had a layout before is copied first
 * (`backupPath`), and the oldest such copies go once it succeeded. Where one fails, the database stays as it was.
 * @throws LabError `labFromNewerVersion` or `labDamaged` (another program's database), both
 *   before anything is written.
 */
export function migrateDatabase(
  database: Database,
  { migrations = allMigrations, appVersion }: { migrations?: readonly Migration[]; appVersion?: string } = {},
): void {
  checkMigrationOrder(migrations);
  const newest = migrations.at(-1)?.version ?? 0;
  const version = readVersion(database);
  refuseForeignDatabase(database, version);
  refuseChangedVersion(database, version);
  if (version > newest) throw newerVersion(database, version, newest);
  const pending = migrations.filter((migration) => migration.version > version);
  if (pending.length === 0) return;
  if (version > 0 && !database.memory) copyDatabase(database, newest);

  // A migration may rebuild a table that others refer to; references are checked at its end instead.
  const foreignKeys = database.pragma('foreign_keys', { simple: true }) === 1;
  database.pragma('foreign_keys = OFF');
  try {
    database
      .transaction(() => {
        for (const { migrate } of pending) migrate(database);
        const broken: unknown = database.pragma('foreign_key_check');
        if (Array.isArray(broken) && broken.length > 0) {
          throw new Error(`The migration to version ${newest} left ${broken.length} rows that refer to nothing.`);
        }
        database.pragma(`application_id = ${applicationId}`);
        database.pragma(`user_version = ${newest}`);
        if (newest >= versionWithChecksums) putLabInfo(database, layoutVersionKey, String(newest));
        if (appVersion !== undefined) {
          putLabInfo(database, 'appVersion', appVersion);
        }
      })
      .immediate();
  } finally {
    database.pragma(`foreign_keys = ${foreignKeys ? 'ON' : 'OFF'}`);
  }
  if (!database.memory) removeOldCopies(database.name);
}

function refuseForeignDatabase(database: Database, version: number): void {
  if (database.pragma('application_id', { simple: true }) === applicationId) return;
  const objects = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  if (version !== 0 || objects !== 0) throw damagedFile(database.name);
}

/**
 * For reading without changing anything: the layout is this program's, or a newer one, whose tables have
 * what this program reads as long as nothing was taken out of them.
 * @throws LabError `labDamaged`, or `invalidState` for a layout that would have to be migrated.
 */
export function requireReadableVersion(database: Database): void {
  const version = readVersion(database);
  refuseForeignDatabase(database, version);
  refuseChangedVersion(database, version);
  if (version >= newestVersion) return;
  throw new LabError(
    'invalidState',
    `The database ${database.name} was written by an older NormLab and cannot be read without bringing it up to date.`,
    'Close the program that has it open, then try again.',
  );
}

/** A version that is not the one written down was damaged: its migrations would meet another layout. */
function refuseChangedVersion(database: Database, version: number): void {
  const written = readLabInfo(database, layoutVersionKey);
  if (written !== null && Number(written) !== version) throw damagedFile(database.name);
}

function newerVersion(database: Database, version: number, newest: number): LabError {
  const folder = dirname(database.name);
  const backup = findBackup(database.name, newest);
  const writer = readWriter(database);
  return new LabError(
    'labFromNewerVersion',
    `The lab folder ${folder} was written by a newer NormLab` +
      `${writer === null ? '' : ` (${writer})`}: its database has version ${version}, this program knows up to ${newest}.`,
    `Update NormLab to open it, or open another folder with --lab DIR; nothing was changed. Its runs can be read with ${labCommand('runs list')} and taken along with ${labCommand('runs export')}.` +
      (backup === null
        ? ''
        : ` The copy ${backup} from before that update can still be opened: put it into another folder as lab.sqlite.`),
  );
}

/** Copies that migrations left of a database, the oldest first. */
function listCopies(file: string): { path: string; version: number }[] {
  const folder = dirname(file);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${basename(file)}.`))
    .map((name) => ({
      path: join(folder, name),
      version: Number(/\.before-([0-9]+)\.backup$/.exec(name)?.[1] ?? Number.NaN),
    }))
    .filter(({ version }) => !Number.isNaN(version))
    .sort((left, right) => left.version - right.version);
}

/** The newest copy whose layout this program still knows: made before a version that it does not. */
function findBackup(file: string, newest: number): string | null {
  return listCopies(file).find(({ version }) => version > newest)?.path ?? null;
}

function removeOldCopies(file: string): void {
  for (const { path } of listCopies(file).slice(0, -keptCopies)) {
    try {
      rmSync(path, { force: true });
    } catch {
      // It costs space only, and the next update tries again.
    }
  }
}

/** Version of the program that wrote the layout; null where it is not written down. */
export function readWriter(database: Database): string | null {
  try {
    const value = database.prepare(`SELECT value FROM labInfo WHERE key = 'appVersion'`).pluck().get();
    return typeof value === 'string' ? value : null;
  } catch {
    // Its layout is not known; the version's number must do.
    return null;
  }
}

function copyDatabase(database: Database, version: number): void {
  const target = backupPath(database.name, version);
  const partial = `${target}.partial`;
  rmSync(partial, { force: true });
  try {
    database.prepare('VACUUM INTO ?').run(partial);
    renameSync(partial, target);
  } finally {
    rmSync(partial, { force: true });
  }
}
