import type { Database } from 'better-sqlite3';
import { LabError } from '#shared/errors.ts';
import { isActive, type RunState } from '#shared/domain/runState.ts';
import type { ExperimentDocument } from '#shared/domain/experiment.ts';
import { createId } from './ids.ts';
import { decodeDocument, encodeDocument, isIntact, type StoredDocument } from './storedJson.ts';
import type { ExperimentRecord, ExperimentStore, NewRun } from './store.ts';

interface ExperimentRow extends StoredDocument {
  id: string;
  name: string;
  createdAt: string;
  archivedAt: string | null;
}

const columns = 'id, name, document, documentHash, createdAt, archivedAt';

/** @param onRunsRemoved Called with the ids of runs that went with their experiment. */
export function createExperimentStore(
  database: Database,
  onRunsRemoved: (runIds: string[]) => void = () => undefined,
): ExperimentStore {
  const insertExperiment = database.prepare<[ExperimentRow]>(
    `INSERT INTO experiments (${columns}) VALUES (@id, @name, @document, @documentHash, @createdAt, @archivedAt)`,
  );
  const insertRun = database.prepare<
    [StoredDocument & { id: string; experimentId: string; ordinal: number; label: string; createdAt: string }]
  >(
    `INSERT INTO runs (id, experimentId, ordinal, label, document, documentHash, state, createdAt)
     VALUES (@id, @experimentId, @ordinal, @label, @document, @documentHash, 'queued', @createdAt)`,
  );
  const find = database.prepare<[string], ExperimentRow>(`SELECT ${columns} FROM experiments WHERE id = ?`);
  const list = database.prepare<[], ExperimentRow>(`SELECT ${columns} FROM experiments ORDER BY experimentKey DESC`);
  const rename = database.prepare<[string, string]>('UPDATE experiments SET name = ? WHERE id = ?');
  const setArchived = database.prepare<[string | null, string]>('UPDATE experiments SET archivedAt = ? WHERE id = ?');
  const listRuns = database.prepare<[string], StoredDocument & { id: string; state: RunState }>(
    'SELECT id, state, document, documentHash FROM runs WHERE experimentId = ?',
  );
  const setDocument = database.prepare<[StoredDocument & { id: string }]>(
    'UPDATE experiments SET document = @document, documentHash = @documentHash WHERE id = @id',
  );
  const nextOrdinal = database
    .prepare<[string], number>('SELECT COALESCE(MAX(ordinal) + 1, 0) FROM runs WHERE experimentId = ?')
    .pluck();
  const remove = database.prepare<[string]>('DELETE FROM experiments WHERE id = ?');

  function addRuns(experimentId: string, firstOrdinal: number, createdAt: string, runs: readonly NewRun[]): void {
    for (const [index, run] of runs.entries()) {
      const stored = encodeDocument(run.document);
      const ordinal = firstOrdinal + index;
      insertRun.run({ id: createId(), experimentId, ordinal, label: run.label, ...stored, createdAt });
    }
  }

  function mustExist({ changes }: { changes: number }, id: string): void {
    if (changes > 0) return;
    throw new LabError('notFound', `There is no experiment ${id}.`, 'List the experiments there are.');
  }

  return {
    create: database.transaction((document: ExperimentDocument, runs: readonly NewRun[]) => {
      const createdAt = new Date().toISOString();
      const id = createId();
      const row = { id, name: document.name, ...encodeDocument(document), createdAt, archivedAt: null };
      insertExperiment.run(row);
      addRuns(id, 0, createdAt, runs);
      return toRecord(row);
    }),

    extend: database.transaction((id: string, document: ExperimentDocument, runs: readonly NewRun[]) => {
      mustExist(setDocument.run({ id, ...encodeDocument(document) }), id);
      addRuns(id, nextOrdinal.get(id) ?? 0, new Date().toISOString(), runs);
    }),

    get(id) {
      const row = find.get(id);
      return row ? toRecord(row) : null;
    },

    list: () => list.all().filter(isIntact).map(toRecord),

    rename(id, name) {
      mustExist(rename.run(name, id), id);
    },

    setArchived(id, archived) {
      mustExist(setArchived.run(archived ? new Date().toISOString() : null, id), id);
    },

    remove: database.transaction((id: string) => {
      const runs = listRuns.all(id);
      const active = runs.find((run) => isActive(run.state) && isIntact(run));
      if (active) {
        throw new LabError(
          'invalidState',
          `Run ${active.id} of experiment ${id} is ${active.state}.`,
          'Stop its runs first, then delete the experiment.',
        );
      }
      mustExist(remove.run(id), id);
      onRunsRemoved(runs.map((run) => run.id));
    }),
  };
}

function toRecord(row: ExperimentRow): ExperimentRecord {
  // Documents from before groups and claims came into being have neither.
  const document = { groups: [], claims: [], ...(decodeDocument(row, 'experiment') as object) };
  return { ...row, document: document as unknown as ExperimentDocument };
}
