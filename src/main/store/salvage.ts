import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import Database from 'better-sqlite3';
import { LabError, type LabErrorData } from '#shared/errors.ts';
import { applicationId, migrateDatabase, newestVersion, readVersion, versionWithChecksums } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import { readLabInfo } from './labInfo.ts';
import { RowSalvage, type SalvagedRows } from './salvageRows.ts';
import { damagedFile, toStoreError } from './storeErrors.ts';

/** What the files of a database are called behind its own name. */
const companionSuffixes = ['-wal', '-journal', '-shm'] as const;

export interface SalvageReport extends SalvagedRows {
  /** The damaged database as it was found. */
  keptFile: string;
}

/**
 * Saves what can be read of a damaged database into a new one, which takes its place; the damaged one is
 * kept beside it. Whenever this is cut short, the lab has one of the two, whole (`finishReplacement`).
 * For who owns the lab, and has no connection open.
 * @throws LabError `labDamaged` where nothing of a lab can be read, `diskFull`, …: nothing has changed then.
 */
export function salvageDatabase(file: string, now = new Date()): SalvageReport {
  if (!looksLikeLab(file)) throw damagedFile(file);
  const work = `${file}.salvaging`;
  const partial = `${file}.salvaged.partial`;
  try {
    removeDatabase(work);
    removeDatabase(partial);
    copyFileSync(file, work, constants.COPYFILE_FICLONE);
    for (const suffix of ['-wal', '-journal'] as const) {
      if (existsSync(file + suffix)) copyFileSync(file + suffix, work + suffix, constants.COPYFILE_FICLONE);
    }
    const rows = copyReadableRows(file, work, partial);
    syncFile(partial);
    renameSync(partial, salvagedPath(file));
    const keptFile = finishReplacement(file, now) ?? file;
    return { ...rows, keptFile };
  } catch (error) {
    throw toStoreError(error, file);
  } finally {
    removeDatabase(work);
    removeDatabase(partial);
  }
}

/** As many problems are named one by one. */
const problemsNamed = 20;

/** What a salvage came to, for who opens the lab. */
export function describeSalvage({ keptFile, experiments, runs, problems }: SalvageReport): LabErrorData[] {
  const hint = `The damaged database is kept as ${keptFile}; a backup may hold what is missing.`;
  const message = `The lab’s database was damaged: ${runs} runs of ${experiments} experiments were saved into a new one.`;
  const rest = problems.length - problemsNamed;
  return [
    message,
    ...problems.slice(0, problemsNamed),
    ...(rest > 0 ? [`${rest} more such problems were found.`] : []),
  ].map((text) => ({ code: 'labDamaged', message: text, hint }));
}

function salvagedPath(file: string): string {
  return `${file}.salvaged`;
}

/**
 * Puts a salvaged database that is whole in place of the damaged one, which is kept under another name;
 * also where an earlier attempt was cut short.
 * @returns where the damaged one is kept; null where there was nothing to do.
 */
export function finishReplacement(file: string, now = new Date()): string | null {
  if (!existsSync(salvagedPath(file))) return null;
  const kept = freePath(`${file}.damaged-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}`);
  for (const suffix of ['', ...companionSuffixes]) {
    if (existsSync(file + suffix)) renameSync(file + suffix, kept + suffix);
  }
  renameSync(salvagedPath(file), file);
  return kept;
}

function freePath(path: string): string {
  let free = path;
  for (let number = 2; existsSync(free); number += 1) free = `${path}-${number}`;
  return free;
}

function removeDatabase(file: string): void {
  for (const suffix of ['', ...companionSuffixes]) rmSync(file + suffix, { force: true });
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const pageBytes = 4096;
const magic = Buffer.from('SQLite format 3\0', 'latin1');

function readStart(file: string): Buffer {
  const bytes = Buffer.alloc(pageBytes);
  const descriptor = openSync(file, 'r');
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** True for a database of ours, whichever of its bytes are damaged: its mark or its first table is there. */
function looksLikeLab(file: string): boolean {
  const start = readStart(file);
  if (start.length < pageBytes) return false;
  const hasMagic = start.subarray(0, magic.length).equals(magic);
  const hasMark = start.readUInt32BE(68) === applicationId;
  const hasTable = start.includes('CREATE TABLE labInfo');
  return [hasMagic, hasMark, hasTable].filter(Boolean).length >= 2;
}

/** Writes the fields of SQLite's header that are the same in every lab (SQLite, “Database File Format”, 1.3). */
function mendHeader(work: string): void {
  const header = readStart(work).subarray(0, 100);
  const pages = Math.floor(statSync(work).size / pageBytes);
  magic.copy(header);
  header.writeUInt16BE(pageBytes, 16);
  header[18] = header[19] = existsSync(`${work}-wal`) ? 2 : 1;
  header.set([0, 64, 32, 32], 20);
  header.writeUInt32BE(pages, 28);
  // No free pages: nothing is written to this copy.
  header.fill(0, 32, 40);
  header.writeUInt32BE(4, 44);
  header.fill(0, 52, 56);
  header.writeUInt32BE(1, 56);
  header.writeUInt32BE(0, 64);
  header.writeUInt32BE(applicationId, 68);
  header.fill(0, 72, 92);
  // The size above counts only where these two agree.
  header.copy(header, 92, 24, 28);
  const descriptor = openSync(work, 'r+');
  try {
    writeSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
}

function copyReadableRows(file: string, work: string, target: string): SalvagedRows {
  mendHeader(work);
  let rows = tryCopying(file, work, target);
  if (isEmpty(rows)) {
    // The first page says where every table is: the same in every lab that was made with this layout.
    writeFirstPage(work, target);
    rows = tryCopying(file, work, target);
  }
  if (!isEmpty(rows)) return rows;
  throw new LabError(
    'labDamaged',
    `Nothing can be read of the database ${file}: the part that says where everything is, is damaged.`,
    `Put a backup in its place, or move ${basename(file)} away to begin with an empty history; data sets and checkpoints stay.`,
  );
}

function isEmpty({ experiments, runs, problems }: SalvagedRows): boolean {
  return experiments + runs === 0 && problems.length > 0;
}

function tryCopying(file: string, work: string, target: string): SalvagedRows {
  removeDatabase(target);
  const source = new Database(work);
  const result = new Database(target);
  try {
    result.pragma('journal_mode = OFF');
    result.pragma('synchronous = OFF');
    const version = findVersion(source);
    if (version > newestVersion) throw damagedFile(file);
    migrateDatabase(result, { migrations: migrations.filter((migration) => migration.version <= version) });
    return new RowSalvage(source, result, version >= versionWithChecksums).copy();
  } finally {
    source.close();
    result.close();
  }
}

/** Writes the list of tables of a new lab over that of a damaged one; rows found by a wrong one fail their checksums. */
function writeFirstPage(work: string, emptyLab: string): void {
  const page = readStart(emptyLab).subarray(100);
  const descriptor = openSync(work, 'r+');
  try {
    writeSync(descriptor, page, 0, page.length, 100);
  } finally {
    closeSync(descriptor);
  }
}

/** The layout that the rows have: as written down with a checksum, else as the header says. */
function findVersion(source: Database.Database): number {
  try {
    const written = readLabInfo(source, 'layoutVersion');
    if (written !== null) return Number(written);
    const version = readVersion(source);
    return migrations.some((migration) => migration.version === version) ? version : newestVersion;
  } catch {
    // The list of tables is damaged.
    return newestVersion;
  }
}
