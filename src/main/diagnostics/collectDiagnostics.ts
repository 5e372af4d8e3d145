import { basename } from 'node:path';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import Database from 'better-sqlite3';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { applicationDirectory } from '../applicationPaths.ts';
import type { Lab } from '../lab.ts';
import { appCommit, appVersion } from '../runs/environment.ts';
import { runDatabaseTask } from '../store/databaseThread.ts';
import { databasePath } from '../store/openStore.ts';
import type { RunRecord } from '../store/store.ts';
import type { Diagnostics, DiagnosedRun } from './diagnosticsBundle.ts';
import { ownNames, type PersonalNames } from './redact.ts';

const latestRuns = 20;
const longestLog = 2000;
/** Checking a larger database takes longer than people wait for diagnostics. */
const largestCheckedBytes = 1e9;

/** Names to be taken out of the diagnostics of a lab. */
export function diagnosticsNames(labDirectory: string): PersonalNames {
  return ownNames([
    [labDirectory, '<lab>'],
    [applicationDirectory, '<application>'],
  ]);
}

function describeProgram(): Pick<Diagnostics, 'appVersion' | 'appCommit' | 'createdAt' | 'machine'> {
  const processors = cpus();
  return {
    appVersion: appVersion(),
    appCommit: appCommit(),
    createdAt: new Date().toISOString(),
    machine: {
      platform: `${process.platform} ${process.arch} ${release()}`,
      processor: processors[0]?.model.trim() ?? 'unknown',
      cores: processors.length,
      memoryBytes: totalmem(),
      versions: { ...process.versions },
    },
  };
}

/** Everything a report about a fault needs of an open lab; what cannot be told says why. */
export async function collectDiagnostics(lab: Lab): Promise<Diagnostics> {
  const attempt = async (work: () => unknown): Promise<unknown> => {
    try {
      return await work();
    } catch (error) {
      return { error: toLabErrorData(error) };
    }
  };
  const { training, waiting, halted } = lab.runs.queueState();
  return {
    ...describeProgram(),
    health: await attempt(() => lab.health.read()),
    engines: await attempt(() => lab.engines.list()),
    lab: {
      ...(await describeDatabase(lab.databaseDirectory)),
      directory: lab.directory,
      door: lab.door,
      notices: [...lab.notices, ...lab.store.damaged()],
      queue: { training, waiting, halted },
      datasets: await attempt(async () =>
        (await lab.datasets.list()).map(({ id, image, classNames, training: train, validation, checksum }) => ({
          id,
          image,
          classes: classNames.length,
          trainingImages: train.count,
          validationImages: validation.count,
          checksum,
        })),
      ),
      datasetProblems: await attempt(() => lab.datasets.problems()),
    },
    problem: null,
    runs: listLatestRuns(lab).map((run) => describeRun(lab, run)),
  };
}

/** What can be told of a lab that does not open. */
export async function collectDiagnosticsOfClosedLab(labDirectory: string, problem: LabErrorData): Promise<Diagnostics> {
  return {
    ...describeProgram(),
    health: null,
    engines: null,
    lab: { directory: labDirectory, ...(await describeDatabase(labDirectory)) },
    problem,
    runs: [],
  };
}

function listLatestRuns({ experiments, runs }: Lab): RunRecord[] {
  const latest: RunRecord[] = [];
  for (const { id } of experiments.list()) {
    latest.push(...runs.list({ experimentId: id }).reverse());
    if (latest.length >= latestRuns) break;
  }
  return latest.slice(0, latestRuns);
}

function describeRun(lab: Lab, run: RunRecord): DiagnosedRun {
  const { environment, ...record } = run;
  // The name of the computer that trained it may be another one's.
  const { hostName: _hostName, ...told } = environment ?? { hostName: null };
  const { initialWeights } = record.document;
  // Where it lay on the disk may name a person or a project.
  const file = initialWeights.file === null ? null : basename(initialWeights.file);
  return {
    ...record,
    document: { ...record.document, initialWeights: { ...initialWeights, file } },
    environment: environment === null ? null : told,
    checkpoints: lab.runs.checkpoints(run.id).map(({ step, bytes, createdAt }) => ({ step, bytes, createdAt })),
    log: lab.runs.log(run.id).slice(-longestLog),
    series: lab.store.metrics.list(run.id).map(({ series, count, lastStep }) => ({ series, count, lastStep })),
  };
}

async function describeDatabase(labDirectory: string): Promise<Record<string, unknown>> {
  const file = databasePath(labDirectory);
  if (!existsSync(file)) return { database: 'There is none.' };
  let database: Database.Database | undefined;
  try {
    const { size } = await stat(file);
    database = new Database(file, { readonly: true, fileMustExist: true, timeout: 1000 });
    const count = (table: string): unknown => database?.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    return {
      databaseBytes: size,
      layoutVersion: database.pragma('user_version', { simple: true }),
      journalMode: database.pragma('journal_mode', { simple: true }),
      quickCheck:
        size > largestCheckedBytes
          ? 'Left out: the database is large.'
          : await runDatabaseTask('checkPages', { file }, file),
      experiments: count('experiments'),
      runs: count('runs'),
      labInfo: database.prepare('SELECT key, value FROM labInfo').all(),
    };
  } catch (error) {
    return { database: toLabErrorData(error) };
  } finally {
    database?.close();
  }
}
