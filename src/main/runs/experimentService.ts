import { canonicalJson } from '#shared/canonicalJson.ts';
import { architectureLayers, generatedDataset } from '#shared/domain/architectures/index.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import {
  expandExperiment,
  hashComparison,
  parseExperimentDocument,
  type ExpandedRun,
  type ExperimentDocument,
} from '#shared/domain/experiment.ts';
import { checkPlacement } from '#shared/domain/placement.ts';
import { durationInSteps, stepsPerEpoch } from '#shared/domain/trainingLength.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import { LabError } from '#shared/errors.ts';
import type { DatasetService } from '../datasets/datasetService.ts';
import type { ExperimentRecord, RunRecord, Store } from '../store/store.ts';
import { keepWeights } from './weightsFiles.ts';

export interface PlannedRun extends ExpandedRun {
  stepsPerEpoch: number;
  totalSteps: number;
}

export interface CreatedExperiment {
  experiment: ExperimentRecord;
  runs: RunRecord[];
}

export interface EnsuredExperiment extends CreatedExperiment {
  /** Those of its runs that were asked for; it may have other seeds. */
  runs: RunRecord[];
  /** How many of them are new. */
  added: number;
}

/** Experiments of one lab: checked against its data, expanded into runs, created in one piece. */
export class ExperimentService {
  readonly #store: Pick<Store, 'experiments' | 'runs'>;
  readonly #datasets: Pick<DatasetService, 'get'>;
  readonly #labDirectory: string;

  constructor(store: Pick<Store, 'experiments' | 'runs'>, datasets: Pick<DatasetService, 'get'>, labDirectory: string) {
    this.#store = store;
    this.#datasets = datasets;
    this.#labDirectory = labDirectory;
  }

  /**
   * The runs an experiment would have, each pinned to the exact data and initial weights, of which the
   * lab keeps a copy from now on.
   * @throws LabError `invalidDocument` or `notFound`: what is wrong, and where.
   */
  async plan(document: unknown): Promise<PlannedRun[]> {
    return this.#pin(expandExperiment(parseExperimentDocument(document)));
  }

  async #pin(runs: readonly ExpandedRun[]): Promise<PlannedRun[]> {
    const found = new Map<string, DatasetDocument>();
    const planned: PlannedRun[] = [];
    for (const { label, document: run } of runs) {
      let dataset = generatedDataset(run.architecture) ?? found.get(run.dataset.id);
      if (dataset === undefined) {
        dataset = await this.#datasets.get(run.dataset.id);
        found.set(run.dataset.id, dataset);
      }
      checkRunAgainstDataset(run, dataset);
      const epochSteps = stepsPerEpoch(run.dataset.trainingImages ?? dataset.training.count, run.batchSize);
      planned.push({
        label,
        document: {
          ...run,
          dataset: { ...run.dataset, id: dataset.id, checksum: dataset.checksum },
          initialWeights: await keepWeights(this.#labDirectory, run.initialWeights),
        },
        stepsPerEpoch: epochSteps,
        totalSteps: durationInSteps(run.length, epochSteps),
      });
    }
    return planned;
  }

  /** Creates an experiment; its runs are queued but not started. Throws as `plan`. */
  async create(document: unknown): Promise<CreatedExperiment> {
    const runs = await this.plan(document);
    const experiment = this.#store.experiments.create(
      parseExperimentDocument(document),
      runs.map(({ label, document: run }) => ({ label, document: run })),
    );
    return { experiment, runs: this.#store.runs.list({ experimentId: experiment.id }) };
  }

  /**
   * The experiment that compares the same on the same data (`hashComparison`), with at least these seeds
   * and these claims: the latest such one, extended by the runs that it does not have, or a new one. What
   * is there is kept; new runs are queued but not started. Throws as `plan`.
   * @param isHidden Experiments that are not to be found.
   */
  async ensure(document: unknown, isHidden: (id: string) => boolean = () => false): Promise<EnsuredExperiment> {
    const planned = await this.plan(document);
    const wanted = parseExperimentDocument(document);
    const found = this.#findComparison(wanted, planned, isHidden);
    if (found === null) {
      const created = this.#store.experiments.create(wanted, planned);
      const runs = this.#store.runs.list({ experimentId: created.id });
      return { experiment: created, runs, added: runs.length };
    }
    return this.#extend(found, wanted, planned);
  }

  /**
   * Extends an experiment by seeds, each with everything that it compares. Under a new seed a run is what its
   * siblings are, to the data and the initial weights; runs that are there are kept, new ones are queued but
   * not started.
   * @throws LabError `notFound`; `invalidState` where a data set holds other data by now; and as `plan`.
   */
  async addSeeds(id: string, seeds: readonly number[]): Promise<EnsuredExperiment> {
    const { document: there } = this.#require(id);
    const wanted = parseExperimentDocument({ ...there, seeds });
    // Together they may be more than an experiment can have.
    parseExperimentDocument({ ...there, seeds: [...new Set([...there.seeds, ...seeds])] });
    const siblings = new Map(
      this.#store.runs.list({ experimentId: id }).map(({ label, document }) => [label, document]),
    );
    for (const document of siblings.values()) await this.#requireSameData(document);
    const planned = await this.#pin(
      expandExperiment(wanted).map(({ label, document }) => ({
        label,
        document: { ...(siblings.get(label) ?? document), seed: document.seed },
      })),
    );
    return this.#extend(this.#require(id), wanted, planned);
  }

  #require(id: string): ExperimentRecord {
    const record = this.#store.experiments.get(id);
    if (record !== null) return record;
    throw new LabError('notFound', `There is no experiment “${id}”.`, 'Look at the list of experiments.');
  }

  async #requireSameData({ architecture, dataset: { id, checksum } }: RunDocument): Promise<void> {
    const dataset = generatedDataset(architecture) ?? (await this.#datasets.get(id));
    if (dataset.checksum === checksum) return;
    throw new LabError(
      'invalidState',
      `The data set “${id}” holds other data by now than the runs of this experiment were trained on.`,
      'Import the original data to add seeds, or clone the experiment to train all of it on the data of now.',
    );
  }

  /** Adds the runs that an experiment does not have, with the seeds and claims that are wanted. */
  #extend(found: ExperimentRecord, wanted: ExperimentDocument, planned: readonly PlannedRun[]): EnsuredExperiment {
    const there = new Set(this.#store.runs.list({ experimentId: found.id }).map(pairKey));
    const missing = planned.filter((run) => !there.has(pairKey(run)));
    const seeds = [...new Set([...found.document.seeds, ...wanted.seeds])];
    const extended: ExperimentDocument = { ...found.document, seeds, claims: wanted.claims };
    if (missing.length > 0 || canonicalJson(extended) !== canonicalJson(found.document)) {
      this.#store.experiments.extend(found.id, extended, missing);
    }
    const asked = new Set(planned.map(pairKey));
    return {
      experiment: this.#store.experiments.get(found.id) ?? found,
      runs: this.#store.runs.list({ experimentId: found.id }).filter((run) => asked.has(pairKey(run))),
      added: missing.length,
    };
  }

  #findComparison(
    wanted: ExperimentDocument,
    planned: readonly PlannedRun[],
    isHidden: (id: string) => boolean,
  ): ExperimentRecord | null {
    const hash = hashComparison(wanted);
    const checksums = new Map(planned.map(({ label, document }) => [label, document.dataset.checksum]));
    // Runs on data that were imported anew under the same name are others.
    const hasSameData = (record: ExperimentRecord): boolean =>
      this.#store.runs
        .list({ experimentId: record.id })
        .every(({ label, document }) => document.dataset.checksum === checksums.get(label));
    return (
      this.#store.experiments
        .list()
        .find((record) => !isHidden(record.id) && hashComparison(record.document) === hash && hasSameData(record)) ??
      null
    );
  }

  list(): ExperimentRecord[] {
    return this.#store.experiments.list();
  }

  get(id: string): ExperimentRecord | null {
    return this.#store.experiments.get(id);
  }
}

/** What a run is within its experiment. */
function pairKey({ label, document }: Pick<RunRecord, 'label' | 'document'>): string {
  return `${document.seed} ${label}`;
}

/** @throws LabError `invalidDocument` where the run does not fit the data or its own architecture. */
export function checkRunAgainstDataset(run: RunDocument, dataset: DatasetDocument): void {
  const { trainingImages, validationImages, checksum } = run.dataset;
  const invalid = (message: string, hint: string): LabError => new LabError('invalidDocument', message, hint);
  if (checksum !== undefined && checksum !== dataset.checksum) {
    throw invalid(
      `dataset.checksum does not match: the data set “${dataset.id}” in this lab holds other data than the document was made with.`,
      'Import the original data, or remove dataset.checksum from the document.',
    );
  }
  for (const [key, wanted, there] of [
    ['trainingImages', trainingImages, dataset.training.count],
    ['validationImages', validationImages, dataset.validation.count],
  ] as const) {
    if (wanted !== null && wanted > there) {
      throw invalid(
        `dataset.${key} is ${wanted}, but the data set “${dataset.id}” has ${there}.`,
        `Set dataset.${key} to at most ${there}, or to null for all of them.`,
      );
    }
  }
  const images = trainingImages ?? dataset.training.count;
  if (run.batchSize > images) {
    throw invalid(
      `batchSize is ${run.batchSize}, but there are only ${images} training images.`,
      'Choose a smaller batchSize or more training images.',
    );
  }
  const { height, width, channels } = dataset.image;
  const layers = architectureLayers(run.architecture, [height, width, channels], dataset.classNames.length);
  checkPlacement(run, layers, images);
}
