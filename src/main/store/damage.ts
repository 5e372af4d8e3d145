import type { Database } from 'better-sqlite3';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import type { ExperimentRow } from './experimentStore.ts';
import type { SeriesRow } from './metricTables.ts';
import { isRowIntact } from './rowChecksum.ts';
import { readExperimentCount } from './rowCounts.ts';
import type { RunRow } from './runRows.ts';
import { damagedDocument, damagedRecord, isIntact } from './storedJson.ts';

/**
 * What of a lab's records is not as it was written, one error each. Reads every row but those of
 * points and logs, whose damage is found when they are read.
 */
export function listDamage(database: Database): LabErrorData[] {
  return [...findDamage(database)].map(toLabErrorData);
}

function* findDamage(database: Database): Generator<LabError> {
  // By the index with which rows are found; the rows themselves are read from their tables below.
  const count = (sql: string): Map<string, number> => new Map(database.prepare<[], [string, number]>(sql).raw().all());
  const runCounts = count('SELECT experimentId, count(*) FROM runs GROUP BY experimentId');
  const seriesCounts = count('SELECT runId, count(*) FROM metricSeries GROUP BY runId');
  let experimentCount = 0;
  for (const row of database.prepare<[], ExperimentRow>('SELECT * FROM experiments').iterate()) {
    experimentCount += 1;
    const runCount = runCounts.get(row.id) ?? 0;
    if (!isIntact(row)) yield damagedDocument('experiment', row.id);
    else if (!isRowIntact(row)) yield damagedRecord('experiment', row.id);
    else if (runCount !== row.runCount) {
      yield lostRows(`Experiment ${row.id} (${row.name}) should have ${row.runCount} runs and has ${runCount}`);
    }
  }
  const wanted = readExperimentCount(database);
  if (wanted === null) yield lostRows('The lab’s count of its experiments is damaged');
  else if (wanted !== experimentCount) {
    yield lostRows(`The lab should have ${wanted} experiments and has ${experimentCount}`);
  }

  const series = Map.groupBy(
    database.prepare<[], SeriesRow>('SELECT * FROM metricSeries').iterate(),
    ({ runId }) => runId,
  );
  for (const row of database.prepare<[], RunRow>('SELECT * FROM runs').iterate()) {
    if (!isIntact(row)) yield damagedDocument('run', row.id);
    else if (!isRowIntact(row)) yield damagedRecord('run', row.id);
    else {
      const own = (series.get(row.id) ?? []).filter(isRowIntact).length;
      const intact = Math.min(own, seriesCounts.get(row.id) ?? 0);
      if (intact !== row.seriesCount) {
        yield lostRows(`Run ${row.id} should have ${row.seriesCount} curves and has ${intact} that can be read`);
      }
    }
  }
}

function lostRows(what: string): LabError {
  return new LabError(
    'labDamaged',
    `${what}: lab.sqlite was damaged or changed from outside.`,
    `Restore what can be read with ${labCommand('repair')}, or put a backup in place of the lab.`,
  );
}
