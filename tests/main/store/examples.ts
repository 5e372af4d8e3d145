import Database from 'better-sqlite3';
import { parseExperimentDocument, expandExperiment, type ExperimentDocument } from '#shared/domain/experiment.ts';
import type { SeriesPoints } from '#shared/domain/metric.ts';
import { LabError } from '#shared/errors.ts';
import { createExperimentStore } from '#main/store/experimentStore.ts';
import { createMetricStore, type OwnedMetricStore } from '#main/store/metricStore.ts';
import { migrateDatabase } from '#main/store/migrate.ts';
import { createRunStore } from '#main/store/runStore.ts';
import type { ExperimentStore, RunStore } from '#main/store/store.ts';

export const exampleExperiment: ExperimentDocument = parseExperimentDocument({
  name: 'BN against none',
  base: { dataset: { id: 'example' } },
  vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
  seeds: [1],
});

/** An experiment of two runs. */
export function createExample(experiments: ExperimentStore): string {
  return experiments.create(exampleExperiment, expandExperiment(exampleExperiment)).id;
}

export interface TestStores {
  database: Database.Database;
  experiments: ExperimentStore;
  runs: RunStore;
  metrics: OwnedMetricStore;
  experimentId: string;
  /** Ids of its two runs. */
  first: string;
  second: string;
}

/** Stores on a database in memory that hold the example experiment. */
export function createStores(): TestStores {
  const database = new Database(':memory:');
  database.pragma('foreign_keys = ON');
  migrateDatabase(database);
  const metrics = createMetricStore(database);
  const experiments = createExperimentStore(database);
  const runs = createRunStore(database, (runId) => metrics.forget(runId));
  const experimentId = createExample(experiments);
  const [first, second] = runs.list({ experimentId }).map(({ id }) => id);
  if (first === undefined || second === undefined) throw new Error('The example has two runs.');
  return { database, experiments, runs, metrics, experimentId, first, second };
}

/** Points at steps `from` to `to`, both included, every `stride` steps; values that no two steps share. */
export function points(from: number, to: number, stride = 1): SeriesPoints {
  const length = Math.floor((to - from) / stride) + 1;
  const steps = Float64Array.from({ length }, (_, index) => from + index * stride);
  return { steps, values: steps.map((step) => 2 / (1 + step) + 0.1 * Math.sin(step)) };
}

/** The `LabError` that an action throws. */
export function labErrorOf(action: () => unknown): LabError {
  try {
    action();
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}
