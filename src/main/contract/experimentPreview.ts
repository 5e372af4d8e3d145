import { totalmem } from 'node:os';
import type { ExperimentPreview } from '#shared/contract.ts';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { architectureLayers, datasetOfRun } from '#shared/domain/architectures/index.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { formatBytes } from '#shared/formatBytes.ts';
import { elementCount, shapeLayers, type ShapedLayer } from '#shared/domain/layerShapes.ts';
import { methods } from '#shared/domain/methods/index.ts';
import { normalizedLayerNames } from '#shared/domain/placement.ts';
import { learningRateAt, scaledLearningRate } from '#shared/domain/learningRate.ts';
import { trainingLength, type TrainingLength } from '#shared/domain/trainingLength.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import { expandCombinations, type Combination } from './experimentProblems.ts';
import type { MemoryNeed } from '../runs/memoryAdmission.ts';
import { runSeconds, type SpeedBook } from './speedBook.ts';

export { countRuns, maximumRuns } from './experimentProblems.ts';

const schedulePoints = 200;
const bytesPerFloat = 4;
/** What an engine needs before it trains anything. */
const engineBytes = 400 * 1024 ** 2;

/** Everything that can be said of an experiment before it is started; whatever is wrong is said, never thrown. */
export function previewExperiment(
  document: unknown,
  datasets: readonly DatasetDocument[],
  speeds: SpeedBook,
): ExperimentPreview {
  const { base, combinations, seeds, problems } = expandCombinations(document, datasets);
  const shapeOf = (run: RunDocument): { dataset: DatasetDocument; layers: ShapedLayer[] } | null => {
    const dataset = datasetOfRun(run, datasets);
    const layers = dataset ? tryShape(run, dataset) : null;
    return dataset && layers ? { dataset, layers } : null;
  };
  const shaped = base === null ? null : shapeOf(base);
  const complete = combinations.length > 0;
  const runs = complete ? listRuns(combinations, seeds, datasets) : [];
  const estimatedMemoryBytes = complete
    ? largest(combinations.map(({ document: run }) => memoryOf(run, shapeOf(run)?.layers ?? null, speeds)))
    : null;
  return {
    problems,
    warnings: complete ? describeWarnings(combinations, seeds, datasets, estimatedMemoryBytes) : [],
    runs,
    parameterCount: base === null || shaped === null ? null : countParameters(base, shaped.layers),
    estimatedSeconds: complete ? estimateSeconds(combinations, seeds.length, datasets, speeds) : null,
    estimatedMemoryBytes,
    layers:
      base === null || shaped === null
        ? []
        : shaped.layers.map(({ layer, name, outputShape }) => ({
            name,
            type: layer.type,
            outputShape,
            normalizable: 'normalizable' in layer && layer.normalizable,
            normalized: normalizedLayers(base, shaped.layers).has(name),
          })),
    schedule: base === null || shaped === null ? [] : listSchedule(base, shaped.dataset),
  };
}

function tryShape(run: RunDocument, { image, classNames }: DatasetDocument): ShapedLayer[] | null {
  const shape: ImageShape = [image.height, image.width, image.channels];
  try {
    return shapeLayers(architectureLayers(run.architecture, shape, classNames.length), shape);
  } catch {
    return null;
  }
}

function totalSteps(run: RunDocument, dataset: DatasetDocument): number {
  return trainingLengthOn(run, dataset).totalSteps;
}

/** The length of a run on a data set of the lab. */
export function trainingLengthOn(run: RunDocument, dataset: DatasetDocument): TrainingLength {
  return trainingLength(run, trainingImages(run, dataset));
}

function trainingImages(run: RunDocument, dataset: DatasetDocument): number {
  return run.dataset.trainingImages ?? dataset.training.count;
}

/** In the order in which they are created: seeds are the outer loop. */
function listRuns(
  combinations: readonly Combination[],
  seeds: readonly number[],
  datasets: readonly DatasetDocument[],
): ExperimentPreview['runs'] {
  const steps = combinations.map(({ document }) => {
    const dataset = datasetOfRun(document, datasets);
    return dataset ? totalSteps(document, dataset) : 0;
  });
  return seeds.flatMap((seed) =>
    combinations.map(({ label }, index) => ({ label, seed, totalSteps: steps[index] ?? 0 })),
  );
}

function normalizedLayers(run: RunDocument, layers: readonly ShapedLayer[]): Set<string> {
  return new Set(
    normalizedLayerNames(
      run,
      layers.map(({ layer }) => layer),
    ),
  );
}

/** Kernels, and for each channel a bias, or scale and shift where the layer is normalized. */
function countParameters(run: RunDocument, layers: readonly ShapedLayer[]): number {
  const normalized = normalizedLayers(run, layers);
  return layers.reduce((sum, { name, kernelSize, outputShape }) => {
    if (kernelSize === 0) return sum;
    return sum + kernelSize + (outputShape.at(-1) ?? 0) * (normalized.has(name) ? 2 : 1);
  }, 0);
}

/** Values a parameter in a checkpoint, in float32: itself and the optimizer's memory. */
const storedValues = (run: RunDocument): number => (run.optimizer.id === 'adam' ? 3 : 2);

/** Size of one of a run's checkpoints, before it wrote any; 0 where its network cannot be told. */
export function estimateCheckpointBytes(run: RunDocument, dataset: DatasetDocument): number {
  const layers = tryShape(run, dataset);
  return layers === null ? 0 : bytesPerFloat * storedValues(run) * countParameters(run, layers);
}

/** Peak memory of a trainer: what a run of the same kind needed, or else an estimate. */
function memoryOf(run: RunDocument, layers: readonly ShapedLayer[] | null, speeds: SpeedBook): number | null {
  return speeds.peakMemoryBytes(run) ?? (layers === null ? null : estimateArrays(run, layers));
}

/**
 * Memory for an engine and a run's arrays in float32: values a parameter (itself, its gradient, the optimizer's
 * memory), and for each image of a batch the outputs of all layers (three times where normalized: linear map,
 * normalizer, activation; else two) with as many gradients.
 */
function estimateArrays(run: RunDocument, layers: readonly ShapedLayer[]): number {
  const normalized = normalizedLayers(run, layers);
  const outputs = layers.reduce(
    (sum, { layer, name, outputShape, kernelSize }) =>
      layer.type === 'branch' || layer.type === 'shortcut'
        ? sum
        : sum + elementCount(outputShape) * (kernelSize === 0 ? 1 : normalized.has(name) ? 3 : 2),
    0,
  );
  const training = 2 * outputs * run.batchSize;
  const evaluation = outputs * run.evaluation.batchSize;
  const perParameter = storedValues(run) + 1;
  return engineBytes + bytesPerFloat * (perParameter * countParameters(run, layers) + Math.max(training, evaluation));
}

/**
 * What a run needs where it trains. What runs of its kind held of the machine's memory says nothing of a card, on
 * which the arrays are; null where its data are not known.
 */
export function estimateMemoryNeed(run: RunDocument, speeds: SpeedBook): MemoryNeed {
  const dataset = speeds.datasetOf(run);
  const layers = dataset === undefined ? null : tryShape(run, dataset);
  return {
    memoryBytes: memoryOf(run, layers, speeds),
    cardBytes: layers === null ? null : estimateArrays(run, layers),
  };
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function estimateSeconds(
  combinations: readonly Combination[],
  seedCount: number,
  datasets: readonly DatasetDocument[],
  speeds: SpeedBook,
): number | null {
  let total = 0;
  for (const { document } of combinations) {
    const dataset = datasetOfRun(document, datasets);
    const speed = dataset ? speeds.samplesPerSecond(document, dataset) : null;
    if (!dataset || speed === null) return null;
    total += runSeconds(document, dataset, speed) * seedCount;
  }
  return total;
}

function listSchedule(run: RunDocument, dataset: DatasetDocument): ExperimentPreview['schedule'] {
  const length = trainingLengthOn(run, dataset);
  const steps = length.totalSteps;
  const count = Math.min(schedulePoints, steps);
  return Array.from({ length: count }, (_, index) => {
    const step = count === 1 ? 0 : Math.round((index * (steps - 1)) / (count - 1));
    return { step, learningRate: learningRateAt(run, step, length) };
  });
}

function describeWarnings(
  combinations: readonly Combination[],
  seeds: readonly number[],
  datasets: readonly DatasetDocument[],
  memoryBytes: number | null,
): string[] {
  const warnings = new Set<string>();
  if (combinations.length > 1 && seeds.length < 3) warnings.add('With fewer than 3 seeds no interval can be given.');
  for (const { document } of combinations) {
    const dataset = datasetOfRun(document, datasets);
    if (!dataset) continue;
    const images = trainingImages(document, dataset);
    const left = images % document.batchSize;
    if (left / images > 0.1) {
      warnings.add(
        `With batch size ${document.batchSize} each epoch leaves out ${left} of ${images} training images: only full batches are trained.`,
      );
    }
    const initial = scaledLearningRate(document);
    if (document.optimizer.scaleWithBatchSize && initial > 1) {
      warnings.add(
        `Scaled with batch size ${document.batchSize} the learning rate begins at ${Number(initial.toPrecision(3))}, which may diverge.`,
      );
    }
    if (!methods[document.method.id].normalizes && document.normalizedLayers !== 'all') {
      warnings.add(`The choice of normalized layers has no effect with ${methods[document.method.id].name}.`);
    }
  }
  if (memoryBytes !== null && memoryBytes > totalmem()) {
    warnings.add(
      `A run may need about ${formatBytes(memoryBytes)} of memory; this machine has ${formatBytes(totalmem())}.`,
    );
  }
  return [...warnings];
}
