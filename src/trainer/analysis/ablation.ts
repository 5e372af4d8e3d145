import { tensor1d } from '@tensorflow/tfjs-core';
import { isLinearLayer, normalizableLayerNames } from '#shared/domain/architecture.ts';
import type { Analysis, AnalysisResult } from '#shared/protocol.ts';
import { LabError } from '#shared/errors.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { createBatchLoader } from '../batch.ts';
import type { TensorRecord } from '../engines/engine.ts';
import { createEvaluator } from '../evaluation.ts';
import { createAblationStep } from '../steps/evaluation.ts';
import { createOutputMeansStep } from '../steps/observation.ts';
import { disposeAll } from '../tensors.ts';
import { evaluationState } from './evaluate.ts';
import type { TrainedRun } from './trainedRun.ts';

type AblationSettings = Extract<Analysis, { kind: 'ablation' }>;

/** One channel of a layer. */
interface Unit {
  layer: string;
  channel: number;
}

/**
 * Accuracy on the validation images after fixing k random channels, behind the normalizer and before the
 * activation, to their means over training images: how much a network relies on single units. The order
 * of channels is a permutation drawn by the stream `ablation/<order>` of the seed, so that k + 1 channels
 * hold those of k. Means are those of the whole network.
 * Source: Morcos et al. 2018, section 2.3.
 */
export async function measureAblation(run: TrainedRun, settings: AblationSettings): Promise<AnalysisResult> {
  const { engine, network, image, validation, document, execution } = run;
  const channels = chooseChannels(run, settings.layers);
  const units = Object.entries(channels).flatMap(([layer, count]) =>
    Array.from({ length: count }, (_, channel): Unit => ({ layer, channel })),
  );
  const state = await evaluationState(run);
  const means = measureMeans(run, state, Object.keys(channels), settings.images);
  const evaluator = createEvaluator(
    engine,
    network,
    image,
    validation,
    document.evaluation.batchSize,
    execution,
    (...given) => createAblationStep(channels, ...given),
  );
  const numbers = numbersOfUnits(units.length, settings.points);
  const accuracies = new Map<number, number[]>(numbers.map((fixed) => [fixed, []]));
  for (let order = 0; order < settings.orders; order++) {
    const permutation = createRandomStream(settings.seed, `ablation/${order}`).permutation(units.length);
    for (const fixed of numbers) {
      const chosen = Array.from(permutation.slice(0, fixed), (index) => units[index] as Unit);
      const masks = keptMasks(channels, chosen);
      const { accuracy } = await evaluator.evaluate({ ...state, ...means, ...masks });
      accuracies.get(fixed)?.push(accuracy);
      disposeAll(masks);
    }
  }
  evaluator.dispose();
  disposeAll({ ...state, ...means });
  const curve = numbers.map((fixed) => {
    const ofOrders = accuracies.get(fixed) ?? [];
    return {
      fixed,
      meanAccuracy: ofOrders.reduce((sum, value) => sum + value, 0) / ofOrders.length,
      accuracies: ofOrders,
    };
  });
  return {
    kind: 'ablation',
    layers: Object.keys(channels),
    channels: units.length,
    images: validation.count,
    curve,
    area: areaUnder(curve.map(({ fixed, meanAccuracy }) => [fixed / units.length, meanAccuracy])),
  };
}

/** Whole numbers from 0 to all, evenly spread, each once. */
export function numbersOfUnits(units: number, points: number): number[] {
  return [...new Set(Array.from({ length: points }, (_, index) => Math.round((index * units) / (points - 1))))];
}

/** By trapezoids. */
export function areaUnder(points: readonly (readonly [x: number, y: number])[]): number {
  return points.slice(1).reduce((sum, [x, y], index) => {
    const [before, value] = points[index] ?? [x, y];
    return sum + ((x - before) * (y + value)) / 2;
  }, 0);
}

/** Channels of each chosen layer. @throws LabError `invalidArgument` naming layers that are not there. */
function chooseChannels({ layers }: TrainedRun, wanted: AblationSettings['layers']): Record<string, number> {
  const possible = normalizableLayerNames(layers);
  const names = wanted === 'all' ? possible : wanted;
  const unknown = names.filter((name) => !possible.includes(name));
  if (unknown.length > 0 || names.length === 0) {
    throw new LabError(
      'invalidArgument',
      `There is no hidden layer ${unknown.map((name) => `“${name}”`).join(', ')} whose channels could be fixed.`,
      `Choose among: ${possible.join(', ')}.`,
    );
  }
  return Object.fromEntries(
    layers
      .filter(isLinearLayer)
      .filter(({ name }) => names.includes(name))
      .map(({ name, channels }) => [name, channels]),
  );
}

/** `fixed/<layer>`, [C]: means over the first images of a permutation that the run's seed draws. */
function measureMeans(run: TrainedRun, state: TensorRecord, layers: readonly string[], images: number): TensorRecord {
  const { engine, network, image, training, document, execution } = run;
  const count = Math.min(images, training.count);
  const size = Math.min(document.evaluation.batchSize, count);
  const order = createRandomStream(document.seed, 'ablation/means').permutation(training.count);
  const sums = new Map<string, Float64Array>();
  // The images that are left go through a step of their own size.
  for (const [batch, from, to] of [
    [size, 0, count - (count % size)],
    [count % size, count - (count % size), count],
  ] as const) {
    if (batch === 0) continue;
    const loader = createBatchLoader(training, image, batch);
    const step = createOutputMeansStep(engine, network, image, batch, layers, execution);
    for (let start = from; start < to; start += batch) {
      const given = loader.load(Uint32Array.from(order.slice(start, start + batch)));
      const results = step.run({ ...state, ...given });
      for (const [layer, result] of Object.entries(results)) {
        const values = result.dataSync();
        const sum = sums.get(layer) ?? new Float64Array(values.length);
        sums.set(layer, sum);
        values.forEach((value, channel) => (sum[channel] = (sum[channel] ?? 0) + (value * batch) / count));
      }
      disposeAll({ ...given, ...results });
    }
    step.dispose();
  }
  return Object.fromEntries(
    [...sums].map(([layer, sum]) => [`fixed/${layer}`, tensor1d(Float32Array.from(sum), 'float32')]),
  );
}

/** `kept/<layer>`, [C]: 0 for the chosen channels, 1 for the others. */
function keptMasks(channels: Readonly<Record<string, number>>, chosen: readonly Unit[]): TensorRecord {
  return Object.fromEntries(
    Object.entries(channels).map(([layer, count]) => {
      const kept = new Float32Array(count).fill(1);
      for (const unit of chosen) if (unit.layer === layer) kept[unit.channel] = 0;
      return [`kept/${layer}`, tensor1d(kept, 'float32')];
    }),
  );
}
