import type { Database } from 'better-sqlite3';
import { completeRunDocument } from '#shared/domain/run.ts';
import { canTransition, isActive, type RunState } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { decodeDocument, decodeJson, encodeDocument, encodeJson, isIntact, type StoredDocument } from './storedJson.ts';
import type { CheckpointRecord, LogRecord, RunFilter, RunPatch, RunRecord, RunStore } from './store.ts';

/** A row of `runs`: objects are JSON text. */
interface RunRow extends StoredDocument {
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
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

const columns =
  'id, experimentId, ordinal, label, document, documentHash, state, error, progress, summary, environment, ' +
  'resumeCount, metricsRevision, createdAt, startedAt, finishedAt';

/** Statements that run often; a test looks at their query plans. */
export const runSql = {
  find: `SELECT ${columns} FROM runs WHERE id = ?`,
  // The alphabet of ids ends with z, before {.
  findByStart: `SELECT id FROM runs WHERE id >= @part AND id < @part || '{' ORDER BY id LIMIT 6`,
  findByEnd: 'SELECT id FROM runs WHERE substr(id, -length(@part)) = @part ORDER BY id LIMIT 6',
  listOfExperiment: `SELECT ${columns} FROM runs WHERE experimentId = ? ORDER BY runKey`,
  listInStates: `SELECT ${columns} FROM runs WHERE state IN (SELECT value FROM json_each(?)) ORDER BY runKey`,
  listAll: `SELECT ${columns} FROM runs ORDER BY runKey`,
  listCheckpoints: 'SELECT * FROM checkpoints WHERE runId = ? ORDER BY step DESC',
  listLog: 'SELECT at, level, text FROM runLog WHERE runId = ? ORDER BY logKey',
} as const;

/** @param onRemoved Called with the id of a run that is being removed. */
export function createRunStore(database: Database, onRemoved: (runId: string) => void = () => undefined): RunStore {
  const find = database.prepare<[string], RunRow>(runSql.find);
  const findState = database.prepare<[string], RunState>('SELECT state FROM runs WHERE id = ?').pluck();
  const findByStart = database.prepare<[{ part: string }], string>(runSql.findByStart).pluck();
  const findByEnd = database.prepare<[{ part: string }], string>(runSql.findByEnd).pluck();
  const listOfExperiment = database.prepare<[string], RunRow>(runSql.listOfExperiment);
  const listInStates = database.prepare<[string], RunRow>(runSql.listInStates);
  const listAll = database.prepare<[], RunRow>(runSql.listAll);
  const remove = database.prepare<[string]>('DELETE FROM runs WHERE id = ?');
  const addCheckpoint = database.prepare<[CheckpointRecord]>(
    `INSERT OR REPLACE INTO checkpoints (runId, step, file, bytes, createdAt)
     VALUES (@runId, @step, @file, @bytes, @createdAt)`,
  );
  const removeCheckpoint = database.prepare<[string, string]>('DELETE FROM checkpoints WHERE runId = ? AND file = ?');
  const listCheckpoints = database.prepare<[string], CheckpointRecord>(runSql.listCheckpoints);
  const addLog = database.prepare<[LogRecord & { runId: string }]>(
    'INSERT INTO runLog (runId, at, level, text) VALUES (@runId, @at, @level, @text)',
  );
  const listLog = database.prepare<[string], LogRecord>(runSql.listLog);

  function stateOf(id: string): RunState {
    const state = findState.get(id);
    if (state === undefined) throw noRun(id);
    return state;
  }

  function write(id: string, change: Partial<RunRow>): void {
    // Names of our own columns, never a caller's text.
    const assignments = Object.keys(change).map((column) => `${column} = @${column}`);
    if (assignments.length === 0) return;
    const { changes } = database
      .prepare(`UPDATE runs SET ${assignments.join(', ')} WHERE id = @id`)
      .run({ ...change, id });
    if (changes === 0) throw noRun(id);
  }

  function get(id: string): RunRecord | null {
    const row = find.get(id);
    return row ? toRecord(row) : null;
  }

  function resolveId(idOrPart: string): string {
    const part = idOrPart.trim().toLowerCase();
    if (part === '') throw noRun(idOrPart);
    const starting = findByStart.all({ part });
    const matches = starting.length > 0 ? starting : findByEnd.all({ part });
    const [only] = matches;
    if (only === undefined) throw noRun(idOrPart);
    if (matches.length > 1) {
      throw new LabError(
        'notFound',
        `“${idOrPart}” can be several runs: ${matches.slice(0, 5).join(', ')}${matches.length > 5 ? ', …' : ''}.`,
        'Write more of the id: its beginning or its end.',
      );
    }
    return only;
  }

  function existing(id: string): RunRecord {
    const run = get(id);
    if (!run) throw noRun(id);
    return run;
  }

  return {
    get,
    resolveId,
    resolve: (idOrPart) => existing(resolveId(idOrPart)),

    list({ experimentId, states }: RunFilter = {}) {
      let rows: RunRow[];
      if (experimentId !== undefined) rows = listOfExperiment.all(experimentId);
      else if (states) rows = listInStates.all(JSON.stringify(states));
      else rows = listAll.all();
      return rows.filter((row) => (states?.includes(row.state) ?? true) && isIntact(row)).map(toRecord);
    },

    transition: database.transaction((id: string, to: RunState, patch: RunPatch = {}) => {
      const from = stateOf(id);
      if (!canTransition(from, to)) {
        throw new LabError(
          'invalidState',
          `Run ${id} is ${from} and cannot become ${to}.`,
          'Look at its state again; it may have changed meanwhile.',
        );
      }
      write(id, { ...encodePatch(patch), state: to });
      return existing(id);
    }),

    update(id, patch) {
      write(id, encodePatch(patch));
    },

    remove: database.transaction((id: string) => {
      const row = find.get(id);
      if (!row) throw noRun(id);
      // Nothing can train or stop a damaged run, whatever its state says.
      if (isActive(row.state) && isIntact(row)) {
        throw new LabError('invalidState', `Run ${id} is ${row.state}.`, 'Stop it first, then delete it.');
      }
      remove.run(id);
      onRemoved(id);
    }),

    addCheckpoint(checkpoint) {
      // Its metrics and its record are to outlast a power cut, because older checkpoints are removed then.
      const synchronous = database.pragma('synchronous', { simple: true });
      database.pragma('synchronous = FULL');
      try {
        addCheckpoint.run({ ...checkpoint, createdAt: new Date().toISOString() });
      } finally {
        database.pragma(`synchronous = ${String(synchronous)}`);
      }
    },
    removeCheckpoint(runId, file) {
      removeCheckpoint.run(runId, file);
    },
    listCheckpoints: (runId) => listCheckpoints.all(runId),
    addLog(runId, record) {
      addLog.run({ ...record, runId });
    },
    listLog: (runId) => listLog.all(runId),
  };
}

function noRun(id: string): LabError {
  return new LabError(
    'notFound',
    `There is no run “${id}”.`,
    `List the runs there are with ${labCommand('runs list')}.`,
  );
}

function encodePatch(patch: RunPatch): Partial<RunRow> {
  const { document, error, progress, summary, environment, ...plain } = patch;
  return {
    ...plain,
    ...(document === undefined ? {} : encodeDocument(document)),
    ...(error === undefined ? {} : { error: encodeJson(error) }),
    ...(progress === undefined ? {} : { progress: encodeJson(progress) }),
    ...(summary === undefined ? {} : { summary: encodeJson(summary) }),
    ...(environment === undefined ? {} : { environment: encodeJson(environment) }),
  };
}

function toRecord(row: RunRow): RunRecord {
  return {
    ...row,
    document: completeRunDocument(decodeDocument(row, 'run')),
    error: decodeJson(row.error) as RunRecord['error'],
    progress: decodeJson(row.progress) as RunRecord['progress'],
    summary: decodeJson(row.summary) as RunRecord['summary'],
    environment: decodeJson(row.environment) as RunRecord['environment'],
  };
}
