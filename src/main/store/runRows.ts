import type { Database } from 'better-sqlite3';
import type { RunState } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { isRowIntact, sealRow } from './rowChecksum.ts';
import { damagedRecord, isIntact, type StoredDocument } from './storedJson.ts';

/** A row of `runs` without its key: objects are JSON text. */
export interface RunRow extends StoredDocument {
  id: string;
  experimentId: string;
  ordinal: number;
  label: string;
  state: RunState;
  error: string | null;
  progress: string | null;
  summary: string | null;
  environment: string | null;
  resumeCount: number;
  metricsRevision: number;
  /** Series that have points. */
  seriesCount: number;
  /** `high` or `low`; null is normal. */
  queuePriority: string | null;
  /** Place among waiting runs of one priority; null is behind those that have one, in order of creation. */
  queuePosition: number | null;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  checksum: number;
}

export const findRunSql = 'SELECT * FROM runs WHERE id = ?';

/** True where a run's row and its document are as they were written. */
export function isRunIntact(row: RunRow): boolean {
  return isRowIntact(row) && isIntact(row);
}

export type ChangeRun = (id: string, change: Partial<RunRow> | ((row: RunRow) => Partial<RunRow>)) => void;

/**
 * Makes the one way to write columns of a run: a row that is not as it was written is never sealed anew.
 * @returns a function that throws LabError `notFound`, or `labDamaged`.
 */
export function prepareRunChange(database: Database): ChangeRun {
  const find = database.prepare<[string], RunRow>(findRunSql);
  return database.transaction((id: string, change: Parameters<ChangeRun>[1]) => {
    const row = find.get(id);
    if (!row) throw noRun(id);
    if (!isRowIntact(row)) throw damagedRecord('run', id);
    const changes = typeof change === 'function' ? change(row) : change;
    const { checksum } = sealRow({ ...row, ...changes });
    // Names of our own columns, never a caller's text.
    const assignments = Object.keys({ ...changes, checksum }).map((column) => `${column} = @${column}`);
    database.prepare(`UPDATE runs SET ${assignments.join(', ')} WHERE id = @id`).run({ ...changes, checksum, id });
  });
}

export function noRun(id: string): LabError {
  return new LabError(
    'notFound',
    `There is no run “${id}”.`,
    `List the runs there are with ${labCommand('runs list')}.`,
  );
}
