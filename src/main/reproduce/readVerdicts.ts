import { canonicalJson, hashDocument } from '#shared/canonicalJson.ts';
import { formatChartNumber } from '#shared/charts/chart.ts';
import { readableLabel } from '#shared/charts/comparedLabels.ts';
import type { ExperimentDetail, FinalValues, LabClient, StoredRun } from '#shared/contract.ts';
import { describeLeftOut, judgeClaims, type ClaimVerdict } from '#shared/domain/claimVerdict.ts';
import type { FigureDescription, Reading } from '#shared/domain/figures/figure.ts';
import { metricSeries } from '#shared/domain/metric.ts';
import type { VerdictReading } from '#shared/domain/verdictFile.ts';
import { countFinalEvaluations } from '#shared/statistics/finalValue.ts';
import { panelSeriesName } from './figureChart.ts';

/** Series that a figure's panels and claims are about. */
export function figureSeries(figure: FigureDescription): string[] {
  const claimed = figure.claims.flatMap(({ parts }) => parts.map(({ metric }) => metric));
  return [...new Set([...figure.panels.map(panelSeriesName), ...claimed])];
}

/** What the runs of a figure come to by one reading, and the verdicts on its claims. */
export async function readVerdicts(
  client: LabClient,
  figure: FigureDescription,
  reading: Reading,
  experiment: ExperimentDetail,
  runs: readonly StoredRun[],
): Promise<VerdictReading> {
  const measured = await client.invoke('metrics.finalValues', {
    runIds: runs.map((run) => run.id),
    series: figureSeries(figure),
  });
  const valuesOf = new Map(measured.map(({ runId, values }) => [runId, values]));
  const claims = judgeClaims(
    experiment.document.claims,
    runs.map(({ id, label, document, state }) => {
      const values = Object.entries(valuesOf.get(id) ?? {}).map(([series, { value }]) => [series, value] as const);
      return { id, label, seed: document.seed, state, values: Object.fromEntries(values) };
    }),
  );
  const seeds = [...new Set(runs.map((run) => run.document.seed))].toSorted((left, right) => left - right);
  const otherSeeds = experiment.document.seeds.filter((seed) => !seeds.includes(seed));
  const environments = new Map<string, Record<string, unknown>>();
  for (const { environment } of runs) {
    if (environment !== null) environments.set(canonicalJson(environment), { ...environment });
  }
  const kinds = [...environments.keys()];
  return {
    reading,
    experiment: {
      id: experiment.id,
      name: experiment.name,
      documentHash: hashDocument(experiment.document),
      document: experiment.document,
    },
    seeds,
    otherSeeds,
    runs: runs.map((run) => ({
      id: run.id,
      label: run.label,
      seed: run.document.seed,
      state: run.state,
      documentHash: run.documentHash,
      error: run.error?.message ?? null,
      resumeCount: run.resumeCount,
      durationSeconds: run.summary?.durationSeconds ?? null,
      environment: run.environment === null ? null : kinds.indexOf(canonicalJson(run.environment)),
      finalValues: Object.fromEntries(
        Object.entries(valuesOf.get(run.id) ?? {}).map(([name, { value, evaluations }]) => [
          name,
          { value, evaluations },
        ]),
      ),
    })),
    environments: [...environments.values()],
    claims,
    statements: [
      ...describeSettings(runs, measured),
      ...describeTreatment(runs, claims, seeds, otherSeeds, environments.size),
      ...describeDamage(measured),
    ],
  };
}

/** Values that are missing because what was recorded cannot be read. */
function describeDamage(measured: readonly FinalValues[]): string[] {
  return measured.flatMap(({ values }) =>
    Object.values(values).flatMap(({ error }) => (error === undefined ? [] : `${error.message} It has no value here.`)),
  );
}

/** What the runs have in common, as it was trained. */
function describeSettings(runs: readonly StoredRun[], measured: readonly FinalValues[]): string[] {
  const document = runs[0]?.document;
  if (document === undefined) return [];
  const { dataset, optimizer, schedule, warmUp, length, architecture, execution } = document;
  const images = (count: number | null, of: string): string =>
    count === null ? `all ${of} images` : `${formatChartNumber(count)} ${of} images (a fixed random subset)`;
  const counts = new Set(measured.map(({ values }) => values[metricSeries.validationLoss]?.evaluations ?? 0));
  const learningRate = `${optimizer.learningRate}${optimizer.scaleWithBatchSize ? ` at batch size ${optimizer.referenceBatchSize}, in proportion to the batch size` : ''}`;
  const averaged = [...counts].map(countFinalEvaluations);
  return [
    `Every run: ${images(dataset.trainingImages, 'training')}, ${images(dataset.validationImages, 'validation')}; ${formatChartNumber(length.value)} ${length.unit}; ${optimizer.id === 'sgd' ? `SGD with momentum ${optimizer.momentum}` : optimizer.id}, learning rate ${learningRate}, schedule ${JSON.stringify(schedule)}, warm-up ${formatChartNumber(warmUp.value)} ${warmUp.unit}; architecture ${JSON.stringify(architecture)}; ${execution.precision}.`,
    `Evaluations a run: ${[...counts].join(', ')}, of which the last ${averaged.join(', ')} make${averaged.join() === '1' ? 's' : ''} the final value.`,
  ];
}

/** What was done to the runs before they were judged, in sentences: nothing is left out in silence. */
function describeTreatment(
  runs: readonly StoredRun[],
  claims: readonly ClaimVerdict[],
  seeds: readonly number[],
  otherSeeds: readonly number[],
  environmentCount: number,
): string[] {
  const statements = [
    `Seeds ${seeds.join(', ')}. Runs with the same seed share initialisation and batch order, and are compared as pairs.`,
  ];
  if (otherSeeds.length > 0) {
    statements.push(
      `The experiment also has seeds ${otherSeeds.join(', ')}, which were not asked for and are not judged.`,
    );
  }
  for (const { label, document, state, error } of runs) {
    if (state === 'done') continue;
    const what = `${readableLabel(label)}, seed ${document.seed}`;
    statements.push(`${what}: ${state}. ${error?.message ?? ''}`.trimEnd());
  }
  const leftOut = claims.flatMap((claim) => claim.parts.flatMap((part) => part.leftOut));
  statements.push(...new Set(leftOut.map((seed) => describeLeftOut(seed, readableLabel))));
  const resumed = runs.filter((run) => run.resumeCount > 0).length;
  if (resumed > 0) {
    statements.push(
      `${resumed} of ${runs.length} runs were cut off and went on from a checkpoint, which changes no value on a processor.`,
    );
  }
  if (environmentCount > 1) statements.push(`The runs were trained in ${environmentCount} different environments.`);
  for (const [label, group] of Map.groupBy(runs, (run) => run.label)) {
    const documents = new Set(group.map(({ document }) => canonicalJson({ ...document, seed: 0 })));
    if (documents.size > 1) {
      statements.push(
        `The runs of ${readableLabel(label)} have ${documents.size} different documents beside their seeds: versions of NormLab with more fields added the later ones.`,
      );
    }
  }
  return statements;
}
