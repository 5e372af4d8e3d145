import type { Database } from 'better-sqlite3';
import { isActive } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { isExperimentIntact, type ExperimentRow } from './experimentStore.ts';
import { createId } from './ids.ts';
import { isChunkIntact, sealChunk, type MetricChunk } from './metricChunk.ts';
import type { SeriesRow } from './metricTables.ts';
import { isRowIntact, sealRow } from './rowChecksum.ts';
import { prepareRowCounts } from './rowCounts.ts';
import { isRunIntact, type RunRow } from './runRows.ts';
import { damagedRecord, encodeJson } from './storedJson.ts';

export interface TransferredRun {
  /** Its id where it comes from. */
  from: string;
  /** Its id here. */
  id: string;
  /** `there`: this very run is here already, and was left as it is. */
  outcome: 'added' | 'addedUnderNewId' | 'there';
}

type Row = Record<string, unknown> & { checksum: number };
type ChunkRow = MetricChunk & { seriesKey: number };

/**
 * Copies runs with their experiments, points, log and checkpoint records from one database into another,
 * in one transaction; every row is verified and sealed again. A run that is there already, by id and
 * document, is left as it is; another run or experiment under the same id gives the newcomer a new one.
 * Runs that trained are lost here: no trainer works on them.
 * @throws LabError `labDamaged` where a row of these runs is damaged: nothing is copied then.
 */
export function transferRuns(source: Database, target: Database, runIds: readonly string[]): TransferredRun[] {
  return target.transaction(() => new RunTransfer(source, target).transfer(runIds))();
}

class RunTransfer {
  readonly #source: Database;
  readonly #target: Database;
  readonly #counts: ReturnType<typeof prepareRowCounts>;
  /** Ids here of experiments that have come along. */
  readonly #experiments = new Map<string, string>();
  /** Of the tables here. */
  readonly #columns = new Map<string, ReadonlySet<string>>();

  constructor(source: Database, target: Database) {
    this.#source = source;
    this.#target = target;
    this.#counts = prepareRowCounts(target);
  }

  transfer(runIds: readonly string[]): TransferredRun[] {
    return runIds.map((from) => {
      const run = this.#findRun(this.#source, from);
      if (!run) throw new LabError('notFound', `There is no run “${from}”.`, 'List the runs there are.');
      if (!isRunIntact(run)) throw damagedRecord('run', from);
      const there = this.#findRun(this.#target, from);
      if (there?.documentHash === run.documentHash) return { from, id: from, outcome: 'there' };
      const id = there === undefined ? from : createId();
      this.#addRun(run, id, this.#bringExperiment(run.experimentId));
      return { from, id, outcome: there === undefined ? 'added' : 'addedUnderNewId' };
    });
  }

  #bringExperiment(from: string): string {
    const known = this.#experiments.get(from);
    if (known !== undefined) return known;
    const experiment = this.#findExperiment(this.#source, from);
    if (!experiment || !isExperimentIntact(experiment)) throw damagedRecord('experiment', from);
    const there = this.#findExperiment(this.#target, from);
    const isSame = there?.documentHash === experiment.documentHash;
    const id = there === undefined || isSame ? from : createId();
    if (!isSame) {
      this.#insert('experiments', { ...experiment, id, runCount: 0 });
      this.#counts.experiments(1);
    }
    this.#experiments.set(from, id);
    return id;
  }

  #addRun(run: RunRow, id: string, experimentId: string): void {
    const ordinals = this.#target
      .prepare<[string], number>('SELECT ordinal FROM runs WHERE experimentId = ?')
      .pluck()
      .all(experimentId);
    const ordinal = ordinals.includes(run.ordinal) ? Math.max(...ordinals) + 1 : run.ordinal;
    const wasTraining = isActive(run.state);
    const error = {
      code: 'trainerLost' as const,
      message: 'This run trained in another lab when it was copied.',
      hint: 'Resume the run to go on from its last checkpoint.',
    };
    this.#insert('runs', {
      ...run,
      id,
      experimentId,
      ordinal,
      queuePriority: null,
      queuePosition: null,
      ...(wasTraining ? { state: 'lost', error: encodeJson(error) } : {}),
    });
    this.#counts.runs(experimentId, 1);
    this.#copySeries(run, id);
    for (const table of ['checkpoints', 'runLog']) {
      const rows = this.#source.prepare<[string], Row>(`SELECT * FROM ${table} WHERE runId = ? ORDER BY rowid`);
      for (const row of rows.all(run.id)) if (isRowIntact(row)) this.#insert(table, { ...row, runId: id });
    }
  }

  #copySeries(run: RunRow, id: string): void {
    const series = this.#source
      .prepare<[string], SeriesRow>('SELECT * FROM metricSeries WHERE runId = ? ORDER BY name')
      .all(run.id);
    if (series.length !== run.seriesCount || !series.every(isRowIntact)) throw damagedPoints(run.id);
    const chunks = this.#source.prepare<[number], ChunkRow>('SELECT * FROM metricChunks WHERE seriesKey = ?');
    for (const row of series) {
      const { seriesKey: from, ...values } = row;
      const identity = { runId: id, name: row.name };
      const seriesKey = this.#insert('metricSeries', { ...values, runId: id });
      for (const chunk of chunks.iterate(from)) {
        // One that is damaged stays behind: its place is a hole that is named, there as here.
        if (isChunkIntact(row, chunk)) this.#insertChunk({ ...sealChunk(identity, chunk), seriesKey });
      }
    }
  }

  #findRun(database: Database, id: string): RunRow | undefined {
    return database.prepare<[string], RunRow>('SELECT * FROM runs WHERE id = ?').get(id);
  }

  #findExperiment(database: Database, id: string): ExperimentRow | undefined {
    return database.prepare<[string], ExperimentRow>('SELECT * FROM experiments WHERE id = ?').get(id);
  }

  #insertChunk(row: ChunkRow): void {
    this.#write('metricChunks', row);
  }

  #insert(table: string, row: object): number {
    const known = this.#columnsOf(table);
    const kept = Object.fromEntries(Object.entries(row).filter(([column]) => known.has(column)));
    return this.#write(table, sealRow(kept));
  }

  /** Without those that a newer program added to the other database, and without keys, which mean nothing here. */
  #columnsOf(table: string): ReadonlySet<string> {
    let columns = this.#columns.get(table);
    if (columns === undefined) {
      const names = this.#target.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table);
      columns = new Set(names.filter((column) => !['runKey', 'experimentKey', 'logKey'].includes(column)));
      this.#columns.set(table, columns);
    }
    return columns;
  }

  /** @returns the key that the row got. */
  #write(table: string, row: object): number {
    const known = this.#columnsOf(table);
    const columns = Object.keys(row).filter((column) => known.has(column));
    const values = columns.map((column) => `@${column}`).join(', ');
    const insert = this.#target.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values})`);
    return Number(insert.run(row).lastInsertRowid);
  }
}

function damagedPoints(runId: string): LabError {
  return new LabError(
    'labDamaged',
    `Curves of run ${runId} are damaged.`,
    `Restore what can be read with ${labCommand('repair')}, then try again.`,
  );
}
