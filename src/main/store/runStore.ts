import type { Database } from 'better-sqlite3';
import { completeRunDocument } from '#shared/domain/run.ts';
import { canTransition, isActive, type RunState } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import { prepareRowCounts } from './rowCounts.ts';
import { durably } from './durably.ts';
import { isRowIntact, sealRow } from './rowChecksum.ts';
import { findRunSql, isRunIntact, noRun, prepareRunChange, type RunRow } from './runRows.ts';
import { damagedRecord, decodeDocument, decodeJson, encodeDocument, encodeJson } from './storedJson.ts';
import type { CheckpointRecord, LogRecord, RunFilter, RunPatch, RunRecord, RunStore } from './store.ts';

type CheckpointRow = CheckpointRecord & { checksum: number };
type LogRow = LogRecord & { runId: string; checksum: number };

/** Statements that run often; a test looks at their query plans. */
export const runSql = {
  find: findRunSql,
  // The alphabet of ids ends with z, before {.
  findByStart: `SELECT id FROM runs WHERE id >= @part AND id < @part || '{' ORDER BY id LIMIT 6`,
  findByEnd: 'SELECT id FROM runs WHERE substr(id, -length(@part)) = @part ORDER BY id LIMIT 6',
  listOfExperiment: `SELECT * FROM runs WHERE experimentId = ? ORDER BY runKey`,
  listInStates: `SELECT * FROM runs WHERE state IN (SELECT value FROM json_each(?)) ORDER BY runKey`,
  listAll: `SELECT * FROM runs ORDER BY runKey`,
  listCheckpoints: 'SELECT * FROM checkpoints WHERE runId = ? ORDER BY step DESC',
  listLog: 'SELECT * FROM runLog WHERE runId = ? ORDER BY logKey',
} as const;

/** @param onRemoved Called with the id of a run that is being removed. */
export function createRunStore(database: Database, onRemoved: (runId: string) => void = () => undefined): RunStore {
  const find = database.prepare<[string], RunRow>(runSql.find);
  const change = prepareRunChange(database);
  const count = prepareRowCounts(database);
  const findByStart = database.prepare<[{ part: string }], string>(runSql.findByStart).pluck();
  const findByEnd = database.prepare<[{ part: string }], string>(runSql.findByEnd).pluck();
  const listOfExperiment = database.prepare<[string], RunRow>(runSql.listOfExperiment);
  const listInStates = database.prepare<[string], RunRow>(runSql.listInStates);
  const listAll = database.prepare<[], RunRow>(runSql.listAll);
  const remove = database.prepare<[string]>('DELETE FROM runs WHERE id = ?');
  const addCheckpoint = database.prepare<[CheckpointRow]>(
    `INSERT OR REPLACE INTO checkpoints (runId, step, file, bytes, createdAt, checksum)
     VALUES (@runId, @step, @file, @bytes, @createdAt, @checksum)`,
  );
  const removeCheckpoint = database.prepare<[string, string]>('DELETE FROM checkpoints WHERE runId = ? AND file = ?');
  const listCheckpoints = database.prepare<[string], CheckpointRow>(runSql.listCheckpoints);
  const addLog = database.prepare<[LogRow]>(
    'INSERT INTO runLog (runId, at, level, text, checksum) VALUES (@runId, @at, @level, @text, @checksum)',
  );
  const listLog = database.prepare<[string], LogRow>(runSql.listLog);

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

  const transition = database.transaction((id: string, to: RunState, patch: RunPatch = {}) => {
    // A place in the queue is worth nothing once it was left: whoever comes again waits in order of creation.
    change(id, ({ state }) => {
      if (canTransition(state, to)) return { ...encodePatch(patch), state: to, queuePosition: null };
      throw new LabError(
        'invalidState',
        `Run ${id} is ${state} and cannot become ${to}.`,
        'Look at its state again; it may have changed meanwhile.',
      );
    });
    return existing(id);
  });

  return {
    get,
    resolveId,
    resolve: (idOrPart) => existing(resolveId(idOrPart)),

    list({ experimentId, states }: RunFilter = {}) {
      let rows: RunRow[];
      if (experimentId !== undefined) rows = listOfExperiment.all(experimentId);
      else if (states) rows = listInStates.all(JSON.stringify(states));
      else rows = listAll.all();
      return rows.filter((row) => (states?.includes(row.state) ?? true) && isRunIntact(row)).map(toRecord);
    },

    // The end of a run is to outlast a power cut; of all else, the next start makes the best.
    transition: (id, to, patch) =>
      to === 'done' || to === 'diverged'
        ? durably(database, () => transition(id, to, patch))
        : transition(id, to, patch),

    update(id, patch) {
      change(id, encodePatch(patch));
    },

    remove: database.transaction((id: string) => {
      const row = find.get(id);
      if (!row) throw noRun(id);
      // Nothing can train or stop a damaged run, whatever its state says.
      if (isActive(row.state) && isRunIntact(row)) {
        throw new LabError('invalidState', `Run ${id} is ${row.state}.`, 'Stop it first, then delete it.');
      }
      remove.run(id);
      count.runs(row.experimentId, -1);
      onRemoved(id);
    }),

    addCheckpoint(checkpoint) {
      // Its metrics and its record are to outlast a power cut, because older checkpoints are removed then.
      durably(database, () => addCheckpoint.run(sealRow({ ...checkpoint, createdAt: new Date().toISOString() })));
    },
    removeCheckpoint(runId, file) {
      removeCheckpoint.run(runId, file);
    },
    // A record that is damaged is none: an older checkpoint gives the same run.
    listCheckpoints: (runId) => listCheckpoints.all(runId).filter(isRowIntact).map(toCheckpoint),
    addLog(runId, record) {
      addLog.run(sealRow({ ...record, runId }));
    },
    listLog: (runId) => listLog.all(runId).map(toLogRecord),
  };
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
  if (!isRowIntact(row)) throw damagedRecord('run', row.id);
  const { id, experimentId, ordinal, label, documentHash, state, resumeCount, metricsRevision } = row;
  const { createdAt, startedAt, finishedAt } = row;
  return {
    id,
    experimentId,
    ordinal,
    label,
    document: completeRunDocument(decodeDocument(row, 'run')),
    documentHash,
    state,
    error: decodeJson(row.error) as RunRecord['error'],
    progress: decodeJson(row.progress) as RunRecord['progress'],
    summary: decodeJson(row.summary) as RunRecord['summary'],
    environment: decodeJson(row.environment) as RunRecord['environment'],
    resumeCount,
    metricsRevision,
    createdAt,
    startedAt,
    finishedAt,
  };
}

function toCheckpoint({ runId, step, file, bytes, createdAt }: CheckpointRow): CheckpointRecord {
  return { runId, step, file, bytes, createdAt };
}

function toLogRecord(row: LogRow): LogRecord {
  const { at, level, text } = row;
  if (isRowIntact(row)) return { at, level, text };
  return { at: '', level: 'warning', text: 'This line of the log is damaged and is not shown.' };
}
