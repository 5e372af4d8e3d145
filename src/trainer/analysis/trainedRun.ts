import { openDataset, type DatasetSplitReader } from '#files/datasetFolder.ts';
import type { ImageShape, NetworkLayer } from '#shared/domain/architecture.ts';
import { architectureLayers } from '#shared/domain/architectures/index.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import type { AnalyzeTask } from '#shared/protocol.ts';
import { LabError } from '#shared/errors.ts';
import { readCheckpoint } from '../checkpoint.ts';
import type { Engine } from '../engines/engine.ts';
import { requireExecution } from '../execution.ts';
import { createNetwork, type Network } from '../network.ts';
import { createOptimizer } from '../optimizer.ts';
import type { StateValues } from '../state.ts';
import { statePrefixes, stateSpecifications, type StepExecution } from '../steps/inputs.ts';

/** A network as a checkpoint holds it, with the images of its run. */
export interface TrainedRun {
  engine: Engine;
  document: RunDocument;
  step: number;
  layers: readonly NetworkLayer[];
  image: ImageShape;
  network: Network;
  /** Parameters and statistics. */
  state: StateValues;
  training: DatasetSplitReader;
  validation: DatasetSplitReader;
  execution: StepExecution;
  close(): void;
}

/** @throws LabError where the data are not those of the run, or the checkpoint is not one of it. */
export async function openTrainedRun(
  { document, datasetDirectory, checkpoint }: Pick<AnalyzeTask, 'document' | 'datasetDirectory' | 'checkpoint'>,
  engine: Engine,
): Promise<TrainedRun> {
  const dataset = await openDataset(datasetDirectory);
  const { height, width, channels } = dataset.document.image;
  const image: ImageShape = [height, width, channels];
  const { trainingImages, validationImages, subsetSeed, checksum } = document.dataset;
  if (checksum !== undefined && checksum !== dataset.document.checksum) {
    throw new LabError(
      'invalidDataset',
      `The data set “${dataset.document.id}” is not the one that this run was trained on.`,
      'Import the original data again.',
    );
  }
  const layers = architectureLayers(document.architecture, image, dataset.document.classNames.length);
  const network = createNetwork(layers, image, document.method, document.normalizedLayers, document);
  const specifications = stateSpecifications(network, createOptimizer(document.optimizer));
  const context = { document, datasetChecksum: dataset.document.checksum };
  const { progress, state } = await readCheckpoint(checkpoint, context, specifications);
  const training = await dataset.openSplit('training', { images: trainingImages, subsetSeed });
  const validation = await dataset.openSplit('validation', { images: validationImages, subsetSeed });
  return {
    engine,
    document,
    step: progress.step,
    layers,
    image,
    network,
    state: Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith(statePrefixes.slots))),
    training,
    validation,
    execution: requireExecution(document.execution, engine),
    close() {
      training.close();
      validation.close();
    },
  };
}
