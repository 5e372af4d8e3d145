import type { Database } from 'better-sqlite3';
import { LabError } from '#shared/errors.ts';
import { isActive, type RunState } from '#shared/domain/runState.ts';
import type { ExperimentDocument } from '#shared/domain/experiment.ts';
import { createId } from './ids.ts';
import { decodeDocument, encodeDocument, isIntact, type StoredDocument } from './storedJson.ts';
import type { ExperimentRecord, ExperimentStore } from './store.ts';

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
  const remove = database.prepare<[string]>('DELETE FROM experiments WHERE id = ?');

  function mustExist({ changes }: { changes: number }, id: string): void {
    if (changes > 0) return;
    throw new LabError('notFound', `There is no experiment ${id}.`, 'List the experiments there are.');
  }

  return {
    create: database.transaction((document: ExperimentDocument, runs: Parameters<ExperimentStore['create']>[1]) => {
      const createdAt = new Date().toISOString();
      const id = createId();
      const row = { id, name: document.name, ...encodeDocument(document), createdAt, archivedAt: null };
      insertExperiment.run(row);
      for (const [ordinal, run] of runs.entries()) {
        const stored = encodeDocument(run.document);
        insertRun.run({ id: createId(), experimentId: id, ordinal, label: run.label, ...stored, createdAt });
      }
      return toRecord(row);
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
  return { ...row, document: decodeDocument(row, 'experiment') as ExperimentDocument };
}
