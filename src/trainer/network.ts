import {
  add,
  addN,
  conv2d,
  erf,
  matMul,
  maxPool,
  mean,
  mul,
  reshape,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import type { Scalar } from '@tensorflow/tfjs-core';
import type { ImageShape, LinearLayer, Loss, MaxPoolLayer, NetworkLayer } from '#shared/domain/architecture.ts';
import { lossOf, type ArchitectureSettings } from '#shared/domain/architectures/index.ts';
import type { MethodSettings } from '#shared/domain/methods/index.ts';
import { checkLayerNames, normalizedLayerNames, placeMethods, type Placement } from '#shared/domain/placement.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import { LabError } from '#shared/errors.ts';
import { dropOut } from './dropout.ts';
import type { StepOperations, TensorRecord } from './engines/engine.ts';
import type { MeanAndDeviation } from './methods/gammaDecay.ts';
import { createLayerMethod } from './methods/index.ts';
import type { LayerInputs, LayerMethod, LayerResult, LayerVariables, PopulationSettings } from './methods/method.ts';
import { createRandomSource } from './randomSource.ts';
import { addPrefix, selectByPrefix } from './tensors.ts';

/** Looks into a pass, layer by layer. Runs inside a step body: see there for what it must not do. */
export interface PassHooks {
  /** Sees h, what a layer's linear map gives, before normalizer and bias, [M,H,W,C] or [M,C]. */
  observeLinear?(layer: string, h: Tensor): void;
  /** Puts something else in the place of what goes into the layer's activation. */
  replaceOutput?(layer: string, output: Tensor): Tensor;
}

/** What a pass through the network reads; names are `<layer>/<variable>`. */
export interface NetworkInputs {
  /** Standardized pixels, [M,H,W,C]. */
  images: Tensor4D;
  parameters: TensorRecord;
  statistics: TensorRecord;
  operations: StepOperations;
  hooks?: PassHooks;
  /** See `randomSeedSpecification`; for training where the network `drawsRandomNumbers`. */
  randomSeed?: Tensor1D | undefined;
}

/** What a pass gives besides logits; names are `<layer>/<variable>`. */
export interface NetworkResult {
  logits: Tensor2D;
  /** New values; a variable that is not among them stays as it was. */
  statistics: TensorRecord;
  parameters: TensorRecord;
  /** The noise of batches, by the layers that want it weighed by the Fisher information. */
  noise: Record<string, MeanAndDeviation>;
}

/** A stack of layers as functions of its variables. */
export interface Network {
  /** Of its outputs, `logits`: of classes [M,K], or of values [M,1]. */
  loss: Loss;
  variables: LayerVariables;
  /** Layers with the method's normalizer, in network order. */
  normalizedLayers: readonly string[];
  /** Where statistics come from images of the training population, by `forwardPopulation`; else null. */
  population: PopulationSettings | null;
  /** True where training needs a seed for random numbers. */
  drawsRandomNumbers: boolean;
  /** True where a first batch sets parameters, by `initialize`. */
  initializesFromData: boolean;
  /** Logits [M,K] in training, and new values of statistics. */
  forwardTraining(inputs: NetworkInputs): NetworkResult;
  /** Logits [M,K]; each depends on its own image only. */
  forwardEvaluation(inputs: NetworkInputs): Tensor2D;
  /** Statistics of these images, layer by layer. */
  forwardPopulation(inputs: NetworkInputs): NetworkResult;
  /** Layers with statistics that follow from the Fisher information of γ and β, by `useFisherInformation`. */
  fisherLayers: readonly string[];
  useFisherInformation(layer: string, noise: MeanAndDeviation, information: MeanAndDeviation): TensorRecord;
  /** Parameters that fit these images, layer by layer. */
  initialize(inputs: NetworkInputs): NetworkResult;
  /** Sum of the methods' penalties; null where none has one. */
  penalty(parameters: TensorRecord, statistics: TensorRecord): Scalar | null;
  /** What the methods log, by series name: `gammaSquared/conv1`. */
  logs(parameters: TensorRecord, statistics: TensorRecord): Record<string, Scalar>;
}

type PassKind = 'training' | 'evaluation' | 'population' | 'initialization';

/** One way through the network, and what it gathers. */
interface Pass extends NetworkInputs {
  kind: PassKind;
  /** Of residual blocks that have begun: what is on the way that is not being followed, the innermost last. */
  others: Tensor[];
  gathered: Omit<NetworkResult, 'logits'>;
}

const nothingElse: Pick<Placement, 'layerMethods' | 'dropout'> = {
  layerMethods: {},
  dropout: { ratio: 0, placement: 'afterNormalizer', layers: 'all' },
};

/**
 * @param normalizedLayers Names, or all layers that can have a normalizer; the others get a bias.
 * @param placement Methods of single layers, and dropout, none where it is absent; the architecture, for its loss.
 * @throws LabError `invalidDocument` where a named layer is not there or the stack does not fit the images.
 */
export function createNetwork(
  layers: readonly NetworkLayer[],
  image: ImageShape,
  method: MethodSettings,
  normalizedLayers: RunDocument['normalizedLayers'],
  {
    layerMethods,
    dropout,
    architecture,
  }: Pick<Placement, 'layerMethods' | 'dropout'> & { architecture?: ArchitectureSettings } = nothingElse,
): Network {
  checkLayerNames({ normalizedLayers, layerMethods, dropout }, layers);
  const placed = placeMethods({ method, normalizedLayers, layerMethods }, layers);
  const droppedOut = new Set(
    dropout.ratio === 0 ? [] : dropout.layers === 'all' ? placed.map(({ name }) => name) : dropout.layers,
  );
  const variables: LayerVariables = { parameters: {}, statistics: {} };
  const forwards: ((input: Tensor, pass: Pass) => Tensor)[] = [];
  const computations: { name: string; computation: LayerMethod }[] = [];
  let shape: readonly number[] = image;
  /** Shapes of `Pass.others`. */
  const others: (readonly number[])[] = [];

  for (const layer of layers) {
    if (layer.type === 'flatten') {
      const size = shape.reduce((product, length) => product * length, 1);
      forwards.push((input) => reshape(input, [-1, size]));
      shape = [size];
    } else if (layer.type === 'maxPool') {
      forwards.push((input) => maxPool(input as Tensor4D, layer.size, layer.stride, 'valid'));
      shape = pooledShape(shape, layer);
    } else if (layer.type === 'globalAveragePool') {
      const [, , channels] = imageShapeOf(shape, layer.type);
      forwards.push((input) => mean(input, [1, 2]));
      shape = [channels];
    } else if (layer.type === 'branch') {
      forwards.push((input, pass) => {
        pass.others.push(input);
        return input;
      });
      others.push(shape);
    } else if (layer.type === 'shortcut') {
      forwards.push((input, pass) => exchangeLast(pass.others, input));
      shape = exchangeLast(others, shape);
    } else if (layer.type === 'add') {
      forwards.push((input, pass) => {
        const sum = add(takeLast(pass.others), input);
        return layer.activation === 'relu' ? pass.operations.relu(sum) : sum;
      });
      const other = takeLast(others);
      if (other.join() !== shape.join()) throw new Error(`${layer.name} adds [${other.join()}] and [${shape.join()}]`);
    } else {
      const { kernelShape, fanIn, outputShape, apply } = linearMap(layer, shape);
      const settings = placed.find(({ name }) => name === layer.name)?.settings ?? { id: 'none' };
      const computation = createLayerMethod(settings, { layer, kernelShape, fanIn });
      const prefix = `${layer.name}/`;
      Object.assign(variables.parameters, addPrefix(computation.variables.parameters, prefix));
      Object.assign(variables.statistics, addPrefix(computation.variables.statistics, prefix));
      computations.push({ name: layer.name, computation });
      forwards.push((input, { kind, parameters, statistics, operations, randomSeed, hooks, gathered }) => {
        const random = createRandomSource(randomSeed, operations, layer.name);
        const dropOutAt = (placement: Placement['dropout']['placement'], values: Tensor): Tensor =>
          kind === 'training' && droppedOut.has(layer.name) && dropout.placement === placement
            ? dropOut(values, dropout.ratio, random)
            : values;
        const result = runLayer(computation, kind, {
          linear: (kernel: Tensor) => {
            const h = apply(input, kernel);
            hooks?.observeLinear?.(layer.name, h);
            return dropOutAt('beforeNormalizer', h);
          },
          random,
          parameters: selectByPrefix(parameters, prefix),
          statistics: selectByPrefix(statistics, prefix),
          operations,
        });
        Object.assign(gathered.statistics, addPrefix(result.statistics ?? {}, prefix));
        Object.assign(gathered.parameters, addPrefix(result.parameters ?? {}, prefix));
        if (result.noise) gathered.noise[layer.name] = result.noise;
        const computed = dropOutAt('afterNormalizer', result.output);
        const output = hooks?.replaceOutput?.(layer.name, computed) ?? computed;
        if (layer.activation === 'none' || computation.includesActivation) return output;
        return layer.activation === 'relu' ? operations.relu(output) : erf(mul(output, Math.SQRT1_2));
      });
      shape = outputShape;
    }
  }

  const run = (kind: PassKind, inputs: NetworkInputs): NetworkResult => {
    const gathered: Pass['gathered'] = { statistics: {}, parameters: {}, noise: {} };
    const pass: Pass = { ...inputs, kind, others: [], gathered };
    const logits = forwards.reduce<Tensor>((input, forward) => forward(input, pass), inputs.images) as Tensor2D;
    return { logits, ...gathered };
  };
  return {
    loss: architecture ? lossOf(architecture) : 'crossEntropy',
    variables,
    normalizedLayers: normalizedLayerNames({ method, normalizedLayers, layerMethods }, layers),
    population:
      computations.find(({ computation }) => computation.population)?.computation.population?.settings ?? null,
    drawsRandomNumbers:
      droppedOut.size > 0 || computations.some(({ computation }) => computation.drawsRandomNumbers === true),
    initializesFromData: computations.some(({ computation }) => computation.initialize !== undefined),
    forwardTraining: (inputs) => run('training', inputs),
    forwardEvaluation: (inputs) => run('evaluation', inputs).logits,
    forwardPopulation: (inputs) => run('population', inputs),
    fisherLayers: computations
      .filter(({ computation }) => computation.population?.useFisherInformation !== undefined)
      .map(({ name }) => name),
    useFisherInformation(layer, noise, information) {
      const population = computations.find(({ name }) => name === layer)?.computation.population;
      return addPrefix(population?.useFisherInformation?.(noise, information) ?? {}, `${layer}/`);
    },
    initialize: (inputs) => run('initialization', inputs),
    penalty(parameters, statistics) {
      const penalties = computations.flatMap(
        ({ name, computation }) =>
          computation.penalty?.(selectByPrefix(parameters, `${name}/`), selectByPrefix(statistics, `${name}/`)) ?? [],
      );
      return penalties.length === 0 ? null : addN(penalties);
    },
    logs: (parameters, statistics) =>
      Object.fromEntries(
        computations.flatMap(({ name, computation }) =>
          Object.entries(
            computation.logs(selectByPrefix(parameters, `${name}/`), selectByPrefix(statistics, `${name}/`)),
          ).map(([series, value]) => [`${series}/${name}`, value] as const),
        ),
      ),
  };
}

/** The last member, taken out. */
function takeLast<Value>(values: Value[]): Value {
  const last = values.pop();
  if (last === undefined) throw new Error('a shortcut or an addition stands outside a residual block');
  return last;
}

/** The last member, another put in its place. */
function exchangeLast<Value>(values: Value[], value: Value): Value {
  const last = takeLast(values);
  values.push(value);
  return last;
}

/** A pass that a method does not have goes through it as in evaluation. */
function runLayer(computation: LayerMethod, kind: PassKind, inputs: LayerInputs): LayerResult {
  switch (kind) {
    case 'training':
      return computation.forwardTraining(inputs);
    case 'population':
      return computation.population?.forward(inputs) ?? { output: computation.forwardEvaluation(inputs) };
    case 'initialization':
      return computation.initialize?.(inputs) ?? { output: computation.forwardEvaluation(inputs) };
    case 'evaluation':
      return { output: computation.forwardEvaluation(inputs) };
  }
}

/** Side of a convolution's or a window's output in pixels. */
function outputSide(side: number, window: number, stride: number, padding: 'same' | 'valid'): number {
  const output = padding === 'same' ? Math.ceil(side / stride) : Math.floor((side - window) / stride) + 1;
  if (output < 1) {
    throw new LabError(
      'invalidDocument',
      `A ${window}×${window} window does not fit ${side} pixels.`,
      'Choose a data set with larger images or another architecture.',
    );
  }
  return output;
}

function imageShapeOf(shape: readonly number[], layer: string): [number, number, number] {
  const [height, width, channels] = shape;
  if (height === undefined || width === undefined || channels === undefined) {
    throw new Error(`${layer} needs an image, but its input is [${shape.join(',')}]`);
  }
  return [height, width, channels];
}

function pooledShape(shape: readonly number[], { size, stride }: MaxPoolLayer): number[] {
  const [height, width, channels] = imageShapeOf(shape, 'maxPool');
  return [outputSide(height, size, stride, 'valid'), outputSide(width, size, stride, 'valid'), channels];
}

/** A layer's bias-free linear map: cross-correlation with a kernel HWIO, or product with [in,out]. */
function linearMap(
  layer: LinearLayer,
  inputShape: readonly number[],
): {
  kernelShape: readonly number[];
  fanIn: number;
  outputShape: readonly number[];
  apply: (input: Tensor, kernel: Tensor) => Tensor;
} {
  if (layer.type === 'dense') {
    const [features] = inputShape;
    if (features === undefined || inputShape.length !== 1) throw new Error(`${layer.name} needs a flattened input`);
    return {
      kernelShape: [features, layer.channels],
      fanIn: features,
      outputShape: [layer.channels],
      apply: (input, kernel) => matMul(input as Tensor2D, kernel as Tensor2D),
    };
  }
  const { kernelSize, channels, stride, padding } = layer;
  const [height, width, channelsIn] = imageShapeOf(inputShape, layer.name);
  return {
    kernelShape: [kernelSize, kernelSize, channelsIn, channels],
    fanIn: kernelSize * kernelSize * channelsIn,
    outputShape: [
      outputSide(height, kernelSize, stride, padding),
      outputSide(width, kernelSize, stride, padding),
      channels,
    ],
    apply: (input, kernel) => conv2d(input as Tensor4D, kernel as Tensor4D, stride, padding),
  };
}
