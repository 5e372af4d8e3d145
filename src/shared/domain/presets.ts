import { cloneJson } from '../canonicalJson.ts';
import { LabError } from '../errors.ts';
import { teacherStudent } from './architectures/teacherStudent.ts';
import type { ExperimentDocumentInput } from './experiment.ts';
import { exampleDatasetId } from './dataset.ts';
import { methodIds } from './methods/index.ts';

export const scales = ['smoke', 'laptop', 'paper'] as const;
export type Scale = (typeof scales)[number];

export interface Preset {
  id: string;
  title: string;
  help: string;
  /** The experiment at each scale. */
  scales: { readonly [Name in Scale]?: ExperimentDocumentInput };
  defaultScale: Scale;
}

/** Compares BN with none on the generated example data: the first run of a new lab. */
const quickstart: Preset = {
  id: 'quickstart',
  title: 'BN against no normalization',
  help: 'Trains a small version of the paper’s CNN on the example data set, with and without batch normalization.',
  defaultScale: 'laptop',
  scales: {
    smoke: quickstartExperiment(600, 200, 1),
    laptop: quickstartExperiment(4000, 1000, 5),
    paper: quickstartExperiment(null, null, 20),
  },
};

function quickstartExperiment(
  trainingImages: number | null,
  validationImages: number | null,
  epochs: number,
): ExperimentDocumentInput {
  return {
    name: 'BN against no normalization',
    base: {
      dataset: { id: exampleDatasetId, trainingImages, validationImages },
      architecture: { id: 'paper-cnn', widthMultiplier: 0.5 },
      // The largest rate of a coarse grid at which the network without normalization learns at all.
      optimizer: { id: 'sgd', learningRate: 0.02 },
      batchSize: 64,
      length: { unit: 'epochs', value: epochs },
      evaluation: { every: { unit: 'epochs', value: 0.5 } },
    },
    vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
    seeds: [1],
  };
}

/** The paper's CNN on CIFAR-10 with BN at batch size 64. */
const paperCnn: Preset = {
  id: 'paper-cnn',
  title: 'The paper’s CNN on CIFAR-10',
  help: 'Trains the CNN of the paper’s section 6 on an imported CIFAR-10.',
  defaultScale: 'laptop',
  scales: {
    smoke: paperCnnExperiment(1000, 500, { unit: 'epochs', value: 1 }),
    laptop: paperCnnExperiment(10_000, 2000, { unit: 'epochs', value: 5 }),
    paper: paperCnnExperiment(null, null, { unit: 'steps', value: 60_000 }),
  },
};

function paperCnnExperiment(
  trainingImages: number | null,
  validationImages: number | null,
  length: { unit: 'epochs' | 'steps'; value: number },
): ExperimentDocumentInput {
  return {
    name: 'The paper’s CNN on CIFAR-10',
    base: { dataset: { id: 'cifar-10', trainingImages, validationImages }, length },
    vary: [],
    seeds: [1],
  };
}

/** One run of each method: what each costs, and what it comes to. */
const allMethods: Preset = {
  id: 'all-methods',
  title: 'Every method once',
  help: 'Trains the paper’s CNN on CIFAR-10 with every method there is, for a table of loss, accuracy and speed.',
  defaultScale: 'laptop',
  scales: {
    smoke: allMethodsExperiment(1000, 500, 1, 0.25),
    laptop: allMethodsExperiment(10_000, 2000, 3, 1),
    paper: allMethodsExperiment(null, null, 20, 1),
  },
};

function allMethodsExperiment(
  trainingImages: number | null,
  validationImages: number | null,
  epochs: number,
  widthMultiplier: number,
): ExperimentDocumentInput {
  return {
    name: 'Every method once',
    base: {
      dataset: { id: 'cifar-10', trainingImages, validationImages },
      architecture: { id: 'paper-cnn', widthMultiplier },
      // One rate for all: the one of the comparison with none. It is no method's best.
      optimizer: { id: 'sgd', learningRate: 0.02 },
      warmUp: { unit: 'epochs', value: 1 },
      batchSize: 64,
      length: { unit: 'epochs', value: epochs },
    },
    vary: [{ key: 'method', values: [...methodIds] }],
    seeds: [1],
  };
}

/** A unit learns from a noisy teacher, twice as many samples as inputs: no normalization, WN and BN at the paper's rates. */
const teacherStudentPreset: Preset = {
  id: 'teacher-student',
  title: 'A unit and its teacher',
  help: 'Trains one linear unit on what another says with noise, plain and with weight and batch normalization; draws its own data.',
  defaultScale: 'laptop',
  scales: {
    smoke: teacherStudentExperiment(64, 20),
    laptop: teacherStudentExperiment(512, 100),
    paper: teacherStudentExperiment(4096, 200),
  },
};

function teacherStudentExperiment(inputs: number, epochs: number): ExperimentDocumentInput {
  return {
    name: 'A unit and its teacher',
    base: {
      dataset: { id: teacherStudent.id },
      architecture: { id: teacherStudent.id, inputs, samples: 2 * inputs },
      // η = 0.5 for one sample in the paper's units, on the sum over the batch.
      optimizer: {
        id: 'sgd',
        learningRate: 0.5 / inputs,
        momentum: 0,
        scaleWithBatchSize: true,
        referenceBatchSize: 1,
      },
      schedule: { id: 'constant' },
      batchSize: 32,
      length: { unit: 'epochs', value: epochs },
      checkpoints: { every: { unit: 'epochs', value: epochs } },
    },
    vary: [{ key: 'method', values: ['none', 'weightNorm', 'batchNorm'] }],
    seeds: [1],
  };
}

export const presets: readonly Preset[] = [quickstart, paperCnn, allMethods, teacherStudentPreset];

/** @throws LabError `notFound` naming the presets and scales there are. */
export function presetExperiment(id: string, scale?: Scale): ExperimentDocumentInput {
  const preset = presets.find((candidate) => candidate.id === id);
  if (!preset) {
    throw new LabError(
      'notFound',
      `There is no preset “${id}”.`,
      `Choose one of: ${presets.map((candidate) => candidate.id).join(', ')}.`,
    );
  }
  const experiment = preset.scales[scale ?? preset.defaultScale];
  if (!experiment) {
    throw new LabError(
      'notFound',
      `The preset “${id}” has no scale “${scale}”.`,
      `Choose one of: ${Object.keys(preset.scales).join(', ')}.`,
    );
  }
  return cloneJson(experiment);
}
