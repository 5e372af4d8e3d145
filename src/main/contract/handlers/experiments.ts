import type { EnsuredExperiment, ExperimentDetail, Handlers } from '#shared/contract.ts';
import { isResumable } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import type { EnsuredExperiment as Ensured } from '../../runs/experimentService.ts';
import type { ExperimentRecord } from '../../store/store.ts';
import { inDiskReserve } from '../../store/diskReserve.ts';
import type { ContractContext } from '../context.ts';
import { countRuns, maximumRuns, previewExperiment } from '../experimentPreview.ts';
import { requireExperiment, toExperimentListItem } from '../records.ts';
import { mapInSlices } from '../slices.ts';

type ExperimentMethods =
  | 'experiments.list'
  | 'experiments.get'
  | 'experiments.preview'
  | 'experiments.plan'
  | 'experiments.create'
  | 'experiments.ensure'
  | 'experiments.addSeeds'
  | 'experiments.rename'
  | 'experiments.archive'
  | 'experiments.delete'
  | 'experiments.restore';

export function experimentHandlers(context: ContractContext): Pick<Handlers, ExperimentMethods> {
  const { lab, events, deleted, speeds } = context;

  function toDetail(record: ExperimentRecord): ExperimentDetail {
    return { ...toExperimentListItem(context, record), document: { ...record.document, name: record.name } };
  }

  /** Queues what did not reach its end of the runs that were asked for. */
  function train({ experiment, runs, added }: Ensured): EnsuredExperiment {
    // Nobody looks for what trains among what was put away.
    if (experiment.archivedAt !== null) lab.store.experiments.setArchived(experiment.id, false);
    const unfinished = runs
      .map(({ id }) => lab.runs.get(id))
      .filter(({ state }) => state === 'queued' || isResumable(state))
      .map(({ id }) => lab.runs.requeue(id).id);
    // The queue is looked at when all are in it.
    if (unfinished.length > 0) lab.runs.start(unfinished);
    events.emit('experimentsChanged', { ids: [experiment.id] });
    const detail = toDetail(requireExperiment(context, experiment.id));
    return { experiment: detail, runIds: runs.map((run) => run.id), added };
  }

  return {
    async 'experiments.list'({ archived }) {
      const shown = lab.experiments
        .list()
        .filter((record) => (record.archivedAt !== null) === archived && !deleted.has(record.id));
      return mapInSlices(shown, (record) => toExperimentListItem(context, record));
    },
    async 'experiments.get'({ id }) {
      return Promise.resolve(toDetail(requireExperiment(context, id)));
    },
    async 'experiments.preview'({ document }) {
      const datasets = await lab.datasets.list();
      speeds.setDatasets(datasets);
      return previewExperiment(document, datasets, speeds);
    },
    async 'experiments.plan'({ document }) {
      refuseTooMany(document);
      return lab.experiments.plan(document);
    },
    async 'experiments.create'({ document }) {
      refuseTooMany(document);
      speeds.setDatasets(await lab.datasets.list());
      const { experiment, runs } = await lab.experiments.create(document);
      lab.runs.start(runs.map((run) => run.id));
      events.emit('experimentsChanged', { ids: [experiment.id] });
      return toDetail(experiment);
    },
    async 'experiments.ensure'({ document }) {
      refuseTooMany(document);
      speeds.setDatasets(await lab.datasets.list());
      return train(await lab.experiments.ensure(document, (id) => deleted.has(id)));
    },
    async 'experiments.addSeeds'({ id, seeds }) {
      const { document } = requireExperiment(context, id);
      refuseTooMany({ ...document, seeds: [...new Set([...document.seeds, ...seeds])] });
      speeds.setDatasets(await lab.datasets.list());
      return train(await lab.experiments.addSeeds(id, seeds));
    },
    async 'experiments.rename'({ id, name }) {
      requireExperiment(context, id);
      lab.store.experiments.rename(id, name);
      events.emit('experimentsChanged', { ids: [id] });
      return Promise.resolve(toExperimentListItem(context, requireExperiment(context, id)));
    },
    async 'experiments.archive'({ ids, archived }) {
      for (const id of ids) requireExperiment(context, id);
      for (const id of ids) lab.store.experiments.setArchived(id, archived);
      events.emit('experimentsChanged', { ids });
      return Promise.resolve(null);
    },
    async 'experiments.delete'({ ids }) {
      for (const id of ids) requireExperiment(context, id);
      inDiskReserve(lab.directory, () => deleted.hide(ids));
      events.emit('experimentsChanged', { ids });
      return Promise.resolve(null);
    },
    async 'experiments.restore'({ ids }) {
      deleted.restore(ids);
      events.emit('experimentsChanged', { ids });
      return Promise.resolve(null);
    },
  };
}

function refuseTooMany(document: unknown): void {
  if (countRuns(document) <= maximumRuns) return;
  throw new LabError(
    'invalidDocument',
    `The experiment would have more than ${maximumRuns} runs.`,
    'Name fewer values or seeds.',
  );
}
