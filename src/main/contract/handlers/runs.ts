import { generatedDataset } from '#shared/domain/architectures/index.ts';
import { stat } from 'node:fs/promises';
import type { Handlers, ImportedRuns, RunListItem } from '#shared/contract.ts';
import { isActive } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import type { RunRecord } from '../../store/store.ts';
import type { TransferredRun } from '../../store/transferRuns.ts';
import type { ContractContext } from '../context.ts';
import { reportBytes } from '../jobs.ts';
import { requireRun, toRunListItem } from '../records.ts';
import { mapInSlices } from '../slices.ts';
import { requireOutside } from './lab.ts';
import { createOverviewer, findRuns, readStoredRun } from '../storedRuns.ts';

const longestLog = 2000;
/** Reports of imports that nobody asked for yet. */
const importsKept = 20;

export function runHandlers(
  context: ContractContext,
): Pick<
  Handlers,
  | 'runs.get'
  | 'runs.find'
  | 'runs.read'
  | 'runs.stop'
  | 'runs.pause'
  | 'runs.resume'
  | 'runs.delete'
  | 'runs.export'
  | 'runs.import'
  | 'runs.imported'
> {
  const { lab, deleted, events, jobs } = context;
  /** What imports came to, by their jobs; of the last ones. */
  const imports = new Map<string, ImportedRuns>();
  return {
    async 'runs.find'(query) {
      const shown = findRuns(lab, query).filter((run) => !deleted.has(run.experimentId));
      return mapInSlices(shown, createOverviewer(lab));
    },
    'runs.read': ({ id }) => Promise.resolve(readStoredRun(lab, id)),
    async 'runs.get'({ id }) {
      const run = requireRun(context, id);
      return Promise.resolve({
        ...toRunListItem(context, run),
        document: run.document,
        documentHash: run.documentHash,
        environment: run.environment === null ? null : { ...run.environment },
        checkpoints: lab.runs.checkpoints(id).map(({ runId: _runId, file: _file, ...checkpoint }) => checkpoint),
        log: lab.runs.log(id).slice(-longestLog),
      });
    },
    async 'runs.stop'({ ids }) {
      return Promise.resolve(forEachRun(context, ids, (id) => lab.runs.stop(id)));
    },
    async 'runs.pause'({ ids }) {
      return Promise.resolve(forEachRun(context, ids, (id) => lab.runs.pause(id)));
    },
    async 'runs.resume'({ ids }) {
      // Hundreds at once: the queue is looked at when all are in it.
      const runs = forEachRun(context, ids, (id) => lab.runs.requeue(id));
      lab.runs.start(ids);
      return Promise.resolve(runs);
    },
    async 'runs.delete'({ ids }) {
      const runs = [...new Set(ids)].map((id) => requireRun(context, id));
      const training = runs.find((run) => isActive(run.state));
      if (training) throw new LabError('invalidState', `Run ${training.id} is training.`, 'Stop it first.');
      for (const run of runs) await lab.runs.remove(run.id);
      return runs.map((run) => run.id);
    },
    async 'runs.export'({ ids, path }) {
      requireOutside(lab.directory, path);
      const runIds = [...new Set(ids)].map((id) => requireRun(context, id).id);
      const { exportRunArchive } = await import('../../archives/runArchive.ts');
      return jobs.start({
        kind: 'exportRuns',
        title: `Export ${runIds.length === 1 ? 'a run' : `${runIds.length} runs`}`,
        unit: 'bytes',
        key: `exportRuns ${path}`,
        async run({ signal, report }) {
          const { databaseDirectory } = lab;
          const onBytes = reportBytes(report, 'Writing the archive', null);
          await exportRunArchive(lab.directory, runIds, path, { databaseDirectory, signal, onBytes });
          return null;
        },
      });
    },
    async 'runs.import'({ path }) {
      const { importRunArchive } = await import('../../archives/runArchive.ts');
      const totalBytes = (await stat(path).catch(() => null))?.size ?? null;
      const job = jobs.start({
        kind: 'importRuns',
        title: 'Import runs',
        unit: 'bytes',
        key: `importRuns ${path}`,
        async run({ signal, report }) {
          const onBytes = reportBytes(report, 'Reading the archive', totalBytes);
          const runs = await importRunArchive(lab.store, lab.directory, path, { signal, onBytes });
          imports.set(job.id, await describeImport(runs));
          for (const oldest of [...imports.keys()].slice(0, -importsKept)) imports.delete(oldest);
          return null;
        },
      });
      return job;
    },
    'runs.imported'({ jobId }) {
      const report = imports.get(jobId);
      if (report) return Promise.resolve(report);
      throw new LabError('notFound', `No import of the job “${jobId}” has ended.`, 'Import the archive once more.');
    },
  };

  async function describeImport(runs: readonly TransferredRun[]): Promise<ImportedRuns> {
    const added = runs.filter(({ outcome }) => outcome !== 'there').map(({ id }) => lab.runs.get(id));
    const experimentIds = [...new Set(runs.map(({ id }) => lab.runs.get(id).experimentId))];
    const hidden = experimentIds.filter((id) => deleted.has(id));
    // Whoever imports the runs of a deleted experiment wants it back.
    if (hidden.length > 0) deleted.restore(hidden);
    events.emit('experimentsChanged', { ids: [...new Set([...added.map((run) => run.experimentId), ...hidden])] });
    const there = new Set((await lab.datasets.list()).map(({ checksum }) => checksum));
    const isMissing = ({ document }: RunRecord): boolean =>
      generatedDataset(document.architecture) === null && !there.has(document.dataset.checksum ?? '');
    const missingDatasets = [...new Set(added.filter(isMissing).map(({ document }) => document.dataset.id))];
    return { runs: [...runs], missingDatasets };
  }
}

/**
 * Does something to each run that is in a state for it; the others are returned as they are.
 * @throws LabError the first reason, where no run was; `notFound` before anything is done.
 */
function forEachRun(
  context: ContractContext,
  ids: readonly string[],
  action: (id: string) => RunRecord,
): RunListItem[] {
  const runs = [...new Set(ids)].map((id) => requireRun(context, id));
  const refusals: LabError[] = [];
  const results = runs.map((run) => {
    try {
      return action(run.id);
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'invalidState') throw error;
      refusals.push(error);
      return run;
    }
  });
  if (refusals[0] && refusals.length === runs.length) throw refusals[0];
  return results.map((run) => toRunListItem(context, run));
}
