import type { Database } from 'better-sqlite3';
import { expandExperiment, parseExperimentDocument } from '#shared/domain/experiment.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import type { ExperimentRow } from './experimentStore.ts';
import { decodePoints, isChunkIntact, pointsPerChunk, type MetricChunk } from './metricChunk.ts';
import type { SeriesRow } from './metricTables.ts';
import { isRowIntact, sealRow } from './rowChecksum.ts';
import { putExperimentCount } from './rowCounts.ts';
import type { RunRow } from './runRows.ts';
import { encodeDocument, encodeJson, isIntact } from './storedJson.ts';

export interface SalvagedRows {
  experiments: number;
  runs: number;
  /** What was lost or may be incomplete, one sentence each. */
  problems: string[];
}

type Row = Record<string, unknown>;
type ChunkRow = MetricChunk & { seriesKey: number };

const idPattern = /^[0-9a-z]{13}$/;

/** Copies what can be read of one database into an empty one of the same layout. */
export class RowSalvage {
  readonly #source: Database;
  readonly #target: Database;
  /** False for layouts from before there were checksums: only documents and points are verified then. */
  readonly #hasChecksums: boolean;
  readonly #problems: string[] = [];
  readonly #experiments = new Map<string, ExperimentRow>();
  readonly #runs = new Map<string, RunRow>();
  readonly #runNotes = new Map<string, string[]>();
  readonly #columns = new Map<string, ReadonlySet<string>>();

  constructor(source: Database, target: Database, hasChecksums: boolean) {
    this.#source = source;
    this.#target = target;
    this.#hasChecksums = hasChecksums;
  }

  copy(): SalvagedRows {
    this.#target.pragma('foreign_keys = OFF');
    this.#target.transaction(() => {
      this.#readExperiments();
      this.#readRuns();
      const series = this.#copySeries();
      for (const run of inOrder(this.#runs)) {
        const seriesCount = series.get(run.id) ?? 0;
        if (this.#hasChecksums && isRowIntact(run) && seriesCount < run.seriesCount) {
          this.#note(run.id, `${run.seriesCount - seriesCount} of its ${run.seriesCount} curves could not be saved`);
        }
        this.#insert('runs', this.#hasChecksums ? { ...run, seriesCount } : run);
      }
      for (const experiment of inOrder(this.#experiments)) {
        const runCount = [...this.#runs.values()].filter((run) => run.experimentId === experiment.id).length;
        if (this.#hasChecksums && isRowIntact(experiment) && runCount < experiment.runCount) {
          const lost = experiment.runCount - runCount;
          this.#problems.push(
            `${lost} of the ${experiment.runCount} runs of experiment ${experiment.id} could not be saved.`,
          );
        }
        this.#insert('experiments', this.#hasChecksums ? { ...experiment, runCount } : experiment);
      }
      this.#copyRest();
    })();
    for (const [runId, notes] of this.#runNotes) this.#problems.push(`Run ${runId}: ${notes.join('; ')}.`);
    return { experiments: this.#experiments.size, runs: this.#runs.size, problems: this.#problems };
  }

  #readExperiments(): void {
    for (const row of this.#rows('experiments') as Iterable<Row & ExperimentRow>) {
      if (this.#experiments.has(row.id)) continue;
      if (this.#isIntact(row) && isDocumentIntact(row)) {
        this.#experiments.set(row.id, row);
        continue;
      }
      const document = isDocumentIntact(row) ? parseName(row.document) : null;
      if (document === null || !isId(row.id)) {
        this.#problems.push(`The document of experiment ${showId(row.id)} could not be read.`);
        continue;
      }
      this.#problems.push(`What was kept about experiment ${row.id} besides its document could not be read.`);
      const createdAt = isTime(row.createdAt) ? row.createdAt : new Date(0).toISOString();
      this.#experiments.set(row.id, { ...row, name: document, createdAt, archivedAt: null });
    }
  }

  #readRuns(): void {
    const damaged: RunRow[] = [];
    for (const row of this.#rows('runs') as Iterable<Row & RunRow>) {
      if (this.#runs.has(row.id)) continue;
      if (this.#isIntact(row) && isDocumentIntact(row)) this.#runs.set(row.id, row);
      else damaged.push(row);
    }
    for (const row of damaged) {
      const document = isDocumentIntact(row) ? row.document : this.#findDocument(row);
      if (document === null || !isId(row.id) || this.#runs.has(row.id)) {
        this.#problems.push(`The document of run ${showId(row.id)} could not be read: the run is lost.`);
        continue;
      }
      if (this.#isIntact(row)) {
        this.#runs.set(row.id, { ...row, document });
        this.#note(row.id, 'its document was damaged and was made again from its experiment');
        continue;
      }
      this.#runs.set(row.id, this.#withoutRecord({ ...row, document }));
      this.#note(row.id, 'its state, progress and results could not be read; resume it to complete them');
    }
    for (const run of this.#runs.values()) if (!this.#experiments.has(run.experimentId)) this.#standIn(run);
  }

  /** A run of which only its document is certain. */
  #withoutRecord(row: RunRow): RunRow {
    const siblings = [...this.#runs.values()].filter((run) => run.experimentId === row.experimentId);
    const taken = new Set(siblings.map(({ ordinal }) => ordinal));
    let ordinal = Number.isSafeInteger(row.ordinal) && row.ordinal >= 0 && row.ordinal < 1_000_000 ? row.ordinal : 0;
    while (taken.has(ordinal)) ordinal += 1;
    return {
      ...row,
      experimentId: this.#experiments.has(row.experimentId) ? row.experimentId : row.id,
      ordinal,
      label: typeof row.label === 'string' ? row.label : '',
      state: 'lost',
      error: encodeJson({
        code: 'labDamaged',
        message: 'What was kept about this run besides its document and its points was damaged.',
        hint: 'Resume the run to go on from its last checkpoint.',
      }),
      progress: null,
      summary: null,
      environment: null,
      resumeCount: 0,
      metricsRevision: 1,
      queuePriority: null,
      queuePosition: null,
      createdAt: isTime(row.createdAt) ? row.createdAt : new Date(0).toISOString(),
      startedAt: null,
      finishedAt: null,
    };
  }

  /** The run's document among those that its experiment expands to, told by its hash. */
  #findDocument(row: RunRow): string | null {
    const experiment = this.#experiments.get(row.experimentId);
    if (!experiment) return null;
    try {
      const data = [...this.#runs.values()].map((run) => (JSON.parse(run.document) as RunDocument).dataset);
      for (const { document } of expandExperiment(parseExperimentDocument(JSON.parse(experiment.document)))) {
        for (const { id, checksum } of [document.dataset, ...data]) {
          const pinned = { ...document, dataset: { ...document.dataset, id, checksum } };
          const encoded = encodeDocument(pinned);
          if (encoded.documentHash === row.documentHash) return encoded.document;
        }
      }
    } catch {
      // An experiment that cannot be expanded any more tells nothing.
    }
    return null;
  }

  /** Runs whose experiment is lost go on in one that has its id. */
  #standIn(run: RunRow): void {
    const base = JSON.parse(run.document) as RunDocument;
    const siblings = [...this.#runs.values()].filter(({ experimentId }) => experimentId === run.experimentId);
    const seeds = [...new Set(siblings.map((sibling) => (JSON.parse(sibling.document) as RunDocument).seed))];
    const name = `Saved runs of ${run.experimentId}`;
    const stored = encodeDocument(parseExperimentDocument({ name, base, seeds }));
    const { experimentId: id, createdAt } = run;
    const row = { id, name, ...stored, createdAt, archivedAt: null };
    this.#experiments.set(id, row as ExperimentRow);
    this.#problems.push(`The experiment ${id} could not be read; its runs are in one called “${name}”.`);
  }

  /** @returns how many series each run has. */
  #copySeries(): Map<string, number> {
    const counts = new Map<string, number>();
    const intact = new Map<number, SeriesRow>();
    const names = new Set<string>();
    for (const row of this.#rows('metricSeries') as Iterable<Row & SeriesRow>) {
      if (typeof row.name === 'string') names.add(row.name);
      if (this.#isIntact(row) && this.#runs.has(row.runId)) intact.set(row.seriesKey, row);
    }
    const taken = new Set([...intact.values()].map(({ runId, name }) => JSON.stringify([runId, name])));
    const orphans = new Map<number, ChunkRow[]>();
    const kept = new Map<number, number>();
    for (const chunk of this.#rows('metricChunks') as Iterable<Row & ChunkRow>) {
      const series = intact.get(chunk.seriesKey);
      if (!series) {
        if (chunk.level === 0) orphans.set(chunk.seriesKey, [...(orphans.get(chunk.seriesKey) ?? []), chunk]);
      } else if (!this.#hasChecksums || isChunkIntact(series, chunk)) {
        this.#insert('metricChunks', chunk);
        if (chunk.level === 0) kept.set(chunk.seriesKey, (kept.get(chunk.seriesKey) ?? 0) + 1);
      }
    }
    for (const series of intact.values()) {
      this.#insert('metricSeries', series);
      counts.set(series.runId, (counts.get(series.runId) ?? 0) + 1);
      const missing = Math.ceil(series.pointCount / pointsPerChunk) - (kept.get(series.seriesKey) ?? 0);
      if (missing > 0) this.#note(series.runId, `the curve ${series.name} has holes where points could not be read`);
    }
    if (!this.#hasChecksums) return counts;
    for (const [seriesKey, chunks] of orphans) {
      const series = this.#adopt(seriesKey, chunks, names, taken);
      if (series) counts.set(series.runId, (counts.get(series.runId) ?? 0) + 1);
    }
    return counts;
  }

  /** Makes the row of a series anew from its chunks, whose checksums tell whose they are. */
  #adopt(seriesKey: number, chunks: ChunkRow[], names: Set<string>, taken: Set<string>): SeriesRow | null {
    for (const runId of this.#runs.keys()) {
      for (const name of names) {
        const identity = { runId, name };
        const own = chunks.filter((chunk) => isChunkIntact(identity, chunk)).sort((a, b) => a.ordinal - b.ordinal);
        const [first, last] = [own[0], own.at(-1)];
        if (!first || !last || taken.has(JSON.stringify([runId, name]))) continue;
        const { values } = decodePoints(identity, last, last.entryCount);
        const lastValue = values.at(-1) ?? Number.NaN;
        const pointCount = last.ordinal * pointsPerChunk + last.entryCount;
        const row: Omit<SeriesRow, 'checksum'> = {
          ...{ seriesKey, runId, name, pointCount, firstStep: first.firstStep, lastStep: last.lastStep },
          lastValue: Number.isNaN(lastValue) ? null : lastValue,
        };
        for (const chunk of own) this.#insert('metricChunks', chunk);
        const sealed = sealRow(row);
        this.#insert('metricSeries', sealed);
        taken.add(JSON.stringify([runId, name]));
        this.#note(runId, `the curve ${name} may lack its end`);
        return sealed;
      }
    }
    return null;
  }

  #copyRest(): void {
    for (const table of ['checkpoints', 'runLog']) {
      for (const row of this.#rows(table)) {
        if (this.#isIntact(row) && this.#runs.has(String(row['runId']))) this.#insert(table, row);
      }
    }
    for (const row of this.#rows('memory')) if (this.#isIntact(row)) this.#insert('memory', row);
    if (this.#hasChecksums) putExperimentCount(this.#target, this.#experiments.size);
    const at = new Date().toISOString();
    for (const [runId, notes] of this.#runNotes) {
      const text = `The lab’s database was damaged and has been repaired: ${notes.join('; ')}.`;
      this.#insert('runLog', { runId, at, level: 'warning', text });
    }
  }

  #note(runId: string, text: string): void {
    this.#runNotes.set(runId, [...(this.#runNotes.get(runId) ?? []), text]);
  }

  #isIntact(row: Row | (object & { checksum: number })): boolean {
    return !this.#hasChecksums || isRowIntact(row as { checksum: number });
  }

  /** Adds a row, sealed where the layout has checksums; one that is there already stays. */
  #insert(table: string, row: object): void {
    const known = Object.fromEntries(Object.entries(row).filter(([column]) => this.#columnsOf(table).has(column)));
    const sealed = this.#hasChecksums && table !== 'metricChunks' ? sealRow(known) : known;
    const columns = Object.keys(sealed).filter((column) => !replacedKeys.has(column));
    this.#target
      .prepare(
        `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((c) => `@${c}`).join(', ')})`,
      )
      .run(sealed);
  }

  /** Columns that a table should have: the damaged database may call one by another name. */
  #columnsOf(table: string): ReadonlySet<string> {
    let columns = this.#columns.get(table);
    if (!columns) {
      const names = this.#target.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table);
      columns = new Set(names);
      this.#columns.set(table, columns);
    }
    return columns;
  }

  /** Every row of a table that SQLite can still find, whatever is damaged before or after it. */
  *#rows(table: string): Generator<Row> {
    const read = this.#tryPreparing(
      `SELECT rowid AS ${rowNumber}, * FROM ${table} NOT INDEXED WHERE rowid > ? ORDER BY rowid LIMIT ?`,
    );
    let isDamaged = false;
    let last: number | null = 0;
    while (last !== null) {
      const from: number = last;
      const rows = read(from, rowsAtOnce) ?? read(from, 1);
      if (rows === null) {
        isDamaged = true;
        last = findReadable(from, (key) => read(key, 1) !== null);
        continue;
      }
      yield* rows;
      const end = rows.at(-1)?.[rowNumber];
      // Rows of a damaged page may come in any order.
      last = typeof end === 'number' && end > from ? end : null;
    }
    if (isDamaged) this.#problems.push(`A part of the table of ${tableNames[table] ?? table} could not be read.`);
  }

  /** Reads rows; null where what they are on is damaged. */
  #tryPreparing(sql: string): (...values: number[]) => Row[] | null {
    try {
      const statement = this.#source.prepare<number[], Row>(sql);
      return (...values) => {
        try {
          return statement.all(...values);
        } catch {
          return null;
        }
      };
    } catch {
      return () => null;
    }
  }
}

const rowNumber = 'rowNumberKey';
const rowsAtOnce = 100;
/** Row numbers that are tried one by one behind a damaged page; further ones in growing steps. */
const rowsProbed = 256;
/** Numbers that the new database gives anew; that of a series ties it to its chunks. */
const replacedKeys = new Set(['runKey', 'experimentKey', 'logKey']);
const tableNames: Readonly<Record<string, string>> = {
  metricSeries: 'curves',
  metricChunks: 'points',
  runLog: 'log lines',
};

/** The first number after `from` behind which rows can be read again; null where there is none. */
function findReadable(from: number, isReadable: (key: number) => boolean): number | null {
  for (let key = from + 1; key <= from + rowsProbed; key += 1) if (isReadable(key)) return key;
  let low = from + rowsProbed;
  let high = low;
  do high = from + 2 * (high - from);
  while (!isReadable(high) && high < Number.MAX_SAFE_INTEGER / 4);
  if (!isReadable(high)) return null;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isReadable(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** In the order of their creation, which lists keep. */
function inOrder<Kept extends object>(rows: ReadonlyMap<string, Kept>): Kept[] {
  const number = (row: Kept): number => Number((row as Row)[rowNumber] ?? 0);
  return [...rows.values()].sort((left, right) => number(left) - number(right));
}

function isDocumentIntact(row: { document: unknown; documentHash: unknown }): boolean {
  return typeof row.document === 'string' && typeof row.documentHash === 'string' && isIntact(row as ExperimentRow);
}

function parseName(document: string): string | null {
  try {
    return parseExperimentDocument(JSON.parse(document)).name;
  } catch {
    return null;
  }
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && idPattern.test(value);
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
}

function showId(id: unknown): string {
  return isId(id) ? String(id) : 'that cannot be named';
}
