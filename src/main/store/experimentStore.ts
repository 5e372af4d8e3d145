import type { Database } from 'better-sqlite3';
import { LabError } from '#shared/errors.ts';
import { isActive } from '#shared/domain/runState.ts';
import type { ExperimentDocument } from '#shared/domain/experiment.ts';
import { durableTransaction } from './durably.ts';
import { createId } from './ids.ts';
import { isRowIntact, sealRow } from './rowChecksum.ts';
import { prepareRowCounts } from './rowCounts.ts';
import { isRunIntact, type RunRow } from './runRows.ts';
import { damagedRecord, decodeDocument, encodeDocument, isIntact, type StoredDocument } from './storedJson.ts';
import type { ExperimentRecord, ExperimentStore, NewRun } from './store.ts';

/** A row of `experiments` without its key. */
export interface ExperimentRow extends StoredDocument {
  id: string;
  name: string;
  /** Runs that belong to it. */
  runCount: number;
  createdAt: string;
  archivedAt: string | null;
  checksum: number;
}

/** True where an experiment's row and its document are as they were written. */
export function isExperimentIntact(row: ExperimentRow): boolean {
  return isRowIntact(row) && isIntact(row);
}

/** What is the same for every run that has not begun. */
const runAtStart = { state: 'queued', resumeCount: 0, metricsRevision: 0, seriesCount: 0 } as const;

type NewRunRow = Omit<
  RunRow,
  'error' | 'progress' | 'summary' | 'environment' | 'startedAt' | 'finishedAt' | 'queuePriority' | 'queuePosition'
>;

/** @param onRunsRemoved Called with the ids of runs that went with their experiment. */
export function createExperimentStore(
  database: Database,
  onRunsRemoved: (runIds: string[]) => void = () => undefined,
): ExperimentStore {
  const insertExperiment = database.prepare<[ExperimentRow]>(
    `INSERT INTO experiments (id, name, document, documentHash, runCount, createdAt, archivedAt, checksum)
     VALUES (@id, @name, @document, @documentHash, @runCount, @createdAt, @archivedAt, @checksum)`,
  );
  const insertRun = database.prepare<[NewRunRow]>(
    `INSERT INTO runs (id, experimentId, ordinal, label, document, documentHash, state, resumeCount, metricsRevision,
       seriesCount, createdAt, checksum)
     VALUES (@id, @experimentId, @ordinal, @label, @document, @documentHash, @state, @resumeCount, @metricsRevision,
       @seriesCount, @createdAt, @checksum)`,
  );
  const count = prepareRowCounts(database);
  const find = database.prepare<[string], ExperimentRow>(`SELECT * FROM experiments WHERE id = ?`);
  const list = database.prepare<[], ExperimentRow>(`SELECT * FROM experiments ORDER BY experimentKey DESC`);
  const update = database.prepare<[ExperimentRow]>(
    `UPDATE experiments SET name = @name, document = @document, documentHash = @documentHash, runCount = @runCount,
       archivedAt = @archivedAt, checksum = @checksum WHERE id = @id`,
  );
  const nextOrdinal = database
    .prepare<[string], number>('SELECT COALESCE(MAX(ordinal) + 1, 0) FROM runs WHERE experimentId = ?')
    .pluck();
  const listRuns = database.prepare<[string], RunRow>('SELECT * FROM runs WHERE experimentId = ?');
  const remove = database.prepare<[string]>('DELETE FROM experiments WHERE id = ?');

  function addRuns(experimentId: string, firstOrdinal: number, createdAt: string, runs: readonly NewRun[]): void {
    for (const [index, { label, document }] of runs.entries()) {
      const identity = { id: createId(), experimentId, ordinal: firstOrdinal + index, label, createdAt };
      insertRun.run(sealRow({ ...identity, ...encodeDocument(document), ...runAtStart }));
    }
  }

  /** A row that is not as it was written is never sealed anew. */
  const change = database.transaction((id: string, makeChange: (row: ExperimentRow) => Partial<ExperimentRow>) => {
    const row = find.get(id);
    if (!row) throw noExperiment(id);
    if (!isRowIntact(row)) throw damagedRecord('experiment', id);
    update.run(sealRow({ ...row, ...makeChange(row) }));
  });

  return {
    create: durableTransaction(database, (document: ExperimentDocument, runs: readonly NewRun[]) => {
      const createdAt = new Date().toISOString();
      const id = createId();
      const stored = encodeDocument(document);
      const row = sealRow({ id, name: document.name, ...stored, runCount: runs.length, createdAt, archivedAt: null });
      insertExperiment.run(row);
      addRuns(id, 0, createdAt, runs);
      count.experiments(1);
      return toRecord(row);
    }),

    extend: durableTransaction(database, (id: string, document: ExperimentDocument, runs: readonly NewRun[]) => {
      change(id, ({ runCount }) => ({ ...encodeDocument(document), runCount: runCount + runs.length }));
      addRuns(id, nextOrdinal.get(id) ?? 0, new Date().toISOString(), runs);
    }),

    get(id) {
      const row = find.get(id);
      return row ? toRecord(row) : null;
    },

    list: () => list.all().filter(isExperimentIntact).map(toRecord),

    rename(id, name) {
      change(id, () => ({ name }));
    },

    setArchived(id, archived) {
      change(id, () => ({ archivedAt: archived ? new Date().toISOString() : null }));
    },

    remove: database.transaction((id: string) => {
      const runs = listRuns.all(id);
      const active = runs.find((run) => isActive(run.state) && isRunIntact(run));
      if (active) {
        throw new LabError(
          'invalidState',
          `Run ${active.id} of experiment ${id} is ${active.state}.`,
          'Stop its runs first, then delete the experiment.',
        );
      }
      if (remove.run(id).changes === 0) throw noExperiment(id);
      count.experiments(-1);
      onRunsRemoved(runs.map((run) => run.id));
    }),
  };
}

function noExperiment(id: string): LabError {
  return new LabError('notFound', `There is no experiment ${id}.`, 'List the experiments there are.');
}

function toRecord(row: ExperimentRow): ExperimentRecord {
  if (!isRowIntact(row)) throw damagedRecord('experiment', row.id);
  const { id, name, documentHash, createdAt, archivedAt } = row;
  // Documents from before groups and claims came into being have neither.
  const document = { groups: [], claims: [], ...(decodeDocument(row, 'experiment') as object) };
  return { id, name, document: document as unknown as ExperimentDocument, documentHash, createdAt, archivedAt };
}
