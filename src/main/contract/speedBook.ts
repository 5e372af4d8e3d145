import { cpus } from 'node:os';
import { canonicalJson } from '#shared/canonicalJson.ts';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { architectureLayers, generatedDataset } from '#shared/domain/architectures/index.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { shapeLayers } from '#shared/domain/layerShapes.ts';
import { durationInSteps, stepsPerEpoch } from '#shared/domain/trainingLength.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import type { RunRecord } from '../store/store.ts';

/** A pass forward costs about a third of a training step: forward, gradient of inputs, gradient of weights. */
const evaluationSpeedup = 3;

interface Measurement {
  document: RunDocument;
  keys: DocumentKeys;
  samplesPerSecond: number;
  peakMemoryBytes: number | null;
}

/** Parts of a document as text, to compare them. */
interface DocumentKeys {
  architectureId: string;
  architecture: string;
  execution: string;
}

/** Multiplications of one image's way through the network. */
export function multiplyAddsPerImage(document: RunDocument, dataset: DatasetDocument): number {
  const { height, width, channels } = dataset.image;
  const image: ImageShape = [height, width, channels];
  const layers = architectureLayers(document.architecture, image, dataset.classNames.length);
  return shapeLayers(layers, image).reduce((sum, layer) => sum + layer.multiplyAdds, 0);
}

/** Seconds of a run, training and evaluations, at a speed of training. */
export function runSeconds(document: RunDocument, dataset: DatasetDocument, samplesPerSecond: number): number {
  const epochSteps = stepsPerEpoch(document.dataset.trainingImages ?? dataset.training.count, document.batchSize);
  const steps = durationInSteps(document.length, epochSteps);
  // The first evaluation is before the first step.
  const evaluations = 1 + Math.ceil(steps / durationInSteps(document.evaluation.every, epochSteps));
  const validationImages = document.dataset.validationImages ?? dataset.validation.count;
  return (steps * document.batchSize + (evaluations * validationImages) / evaluationSpeedup) / samplesPerSecond;
}

/** How fast runs were on this machine, by what they trained; the latest of each kind. */
export class SpeedBook {
  readonly #keys = new WeakMap<RunDocument, DocumentKeys>();
  readonly #measurements = new Map<string, Measurement>();
  readonly #processor = cpus()[0]?.model.trim() ?? 'unknown';
  #datasets = new Map<string, DatasetDocument>();

  /** Data sets that runs may name, for their images' sizes. */
  setDatasets(datasets: readonly DatasetDocument[]): void {
    this.#datasets = new Map(datasets.map((dataset) => [dataset.id, dataset]));
  }

  /** Takes note of a run that has speed measurements of this machine. */
  record({ document, summary, progress, environment }: RunRecord): void {
    const samplesPerSecond = summary?.samplesPerSecond ?? progress?.samplesPerSecond ?? null;
    if (samplesPerSecond === null || !(samplesPerSecond > 0)) return;
    if (environment !== null && environment.processor !== this.#processor) return;
    const keys = this.#keysOf(document);
    const key = [keys.architecture, document.method.id, document.batchSize, document.dataset.id, keys.execution].join();
    // Set anew, so that the latest comes last.
    const before = this.#measurements.get(key);
    this.#measurements.delete(key);
    const peakMemoryBytes = summary?.peakMemoryBytes ?? before?.peakMemoryBytes ?? null;
    this.#measurements.set(key, { document, keys, samplesPerSecond, peakMemoryBytes });
  }

  /**
   * Samples per second of a run like this: those of the latest run of the same architecture, method and
   * engine, of the nearest batch size, scaled by the multiplications an image needs.
   * @returns Null where there was none.
   */
  samplesPerSecond(document: RunDocument, dataset: DatasetDocument): number | null {
    const nearest = this.#nearest(document);
    if (nearest === null) return null;
    const measuredDataset = this.datasetOf(nearest.document) ?? dataset;
    const scale = multiplyAddsPerImage(nearest.document, measuredDataset) / multiplyAddsPerImage(document, dataset);
    return nearest.samplesPerSecond * scale;
  }

  /** Peak memory of a run with the same network, method and batch size; null where there was none. */
  peakMemoryBytes(document: RunDocument): number | null {
    const nearest = this.#nearest(document);
    const same =
      nearest !== null &&
      nearest.document.batchSize === document.batchSize &&
      nearest.document.dataset.id === document.dataset.id &&
      nearest.keys.architecture === this.#keysOf(document).architecture;
    return same ? nearest.peakMemoryBytes : null;
  }

  /** What a queued run will still take; null where it is not known. */
  secondsLeft(run: RunRecord): number | null {
    const dataset = this.datasetOf(run.document);
    const speed = dataset ? this.samplesPerSecond(run.document, dataset) : null;
    if (!dataset || speed === null) return null;
    const done = run.progress === null ? 0 : run.progress.step / run.progress.totalSteps;
    return runSeconds(run.document, dataset, speed) * (1 - done);
  }

  /** The data of a run; undefined where they are not in the lab. */
  datasetOf({ architecture, dataset }: RunDocument): DatasetDocument | undefined {
    return generatedDataset(architecture) ?? this.#datasets.get(dataset.id);
  }

  #nearest(document: RunDocument): Measurement | null {
    const keys = this.#keysOf(document);
    const distance = (measured: Measurement): number =>
      Math.abs(Math.log(measured.document.batchSize / document.batchSize)) +
      (measured.keys.architecture === keys.architecture ? 0 : 10);
    const candidates = [...this.#measurements.values()].filter(
      (measured) =>
        measured.keys.architectureId === keys.architectureId &&
        measured.document.method.id === document.method.id &&
        measured.keys.execution === keys.execution,
    );
    // The latest of those that are equally near.
    return candidates.reduceRight<Measurement | null>(
      (best, candidate) => (best === null || distance(candidate) < distance(best) ? candidate : best),
      null,
    );
  }

  #keysOf(document: RunDocument): DocumentKeys {
    let keys = this.#keys.get(document);
    if (!keys) {
      keys = {
        architectureId: document.architecture.id,
        architecture: canonicalJson(document.architecture),
        execution: canonicalJson(document.execution),
      };
      this.#keys.set(document, keys);
    }
    return keys;
  }
}
