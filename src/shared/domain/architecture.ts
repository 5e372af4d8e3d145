import type { z } from 'zod';
import type { DatasetDocument } from './dataset.ts';

/** Height, width, channels of one image. */
export type ImageShape = readonly [height: number, width: number, channels: number];

export interface ConvolutionLayer {
  type: 'convolution';
  name: string;
  /** Side of the square kernel in pixels. */
  kernelSize: number;
  channels: number;
  stride: number;
  padding: 'same' | 'valid';
  /** Whether the method may put a normalizer behind this layer. */
  normalizable: boolean;
  activation: 'relu' | 'none';
}

export interface DenseLayer {
  type: 'dense';
  name: string;
  channels: number;
  normalizable: boolean;
  /** `erf`: erf(h/√2). */
  activation: 'relu' | 'erf' | 'none';
}

export interface MaxPoolLayer {
  type: 'maxPool';
  /** Side of the window in pixels. */
  size: number;
  stride: number;
}

/** Flattens an image in height, width, channel order. */
export interface FlattenLayer {
  type: 'flatten';
}

/** Mean over height and width: of an image [H,W,C] its channels [C]. */
export interface GlobalAveragePoolLayer {
  type: 'globalAveragePool';
}

/** Begins a residual block: keeps its input for the shortcut. Changes nothing on the way. */
export interface BranchLayer {
  type: 'branch';
  /** Of the block. */
  name: string;
}

/** Within a block: what follows, up to the addition, stands on the shortcut; its input is the block's. */
export interface ShortcutLayer {
  type: 'shortcut';
}

/**
 * Ends a residual block: adds what the shortcut gives (the block's input where nothing stands on it) to
 * what the block gives; then the activation. Blocks may stand within blocks.
 */
export interface AddLayer {
  type: 'add';
  name: string;
  activation: 'relu' | 'none';
}

/**
 * One element of the stack; of a layer with weights linear map, then normalizer, then activation. The
 * elements follow one another, but for those between `branch` and `add`.
 */
export type NetworkLayer =
  | ConvolutionLayer
  | DenseLayer
  | MaxPoolLayer
  | GlobalAveragePoolLayer
  | FlattenLayer
  | BranchLayer
  | ShortcutLayer
  | AddLayer;

/** A layer with weights. */
export type LinearLayer = ConvolutionLayer | DenseLayer;

/**
 * What is made small: the cross-entropy of classes, or ½(y − ŷ)² of a value y, where an answer is neither
 * right nor wrong and there is no accuracy.
 */
export type Loss = 'crossEntropy' | 'halfSquaredError';

/** Everything about an architecture: its parameters and, from them, its stack of layers. */
export interface ArchitectureDescription<Schema extends z.ZodObject = z.ZodObject> {
  id: string;
  name: string;
  help: string;
  source: string;
  schema: Schema;
  /** The stack for images of this shape; throws `LabError` where the parameters cannot fit it. */
  layers(settings: z.infer<Schema>, image: ImageShape, classCount: number): NetworkLayer[];
  /** Cross-entropy where absent. */
  loss?: Loss;
  /** Where the architecture draws its own data: what they are. The run's data set is not read then. */
  generatedDataset?(settings: z.infer<Schema>): DatasetDocument;
  /** Ids of the methods that it can have; all where absent. */
  possibleMethods?: readonly string[];
}

export function isLinearLayer(layer: NetworkLayer): layer is LinearLayer {
  return layer.type === 'convolution' || layer.type === 'dense';
}

/** Names of the layers behind which a method may put a normalizer, in network order. */
export function normalizableLayerNames(layers: readonly NetworkLayer[]): string[] {
  return layers
    .filter(isLinearLayer)
    .filter((layer) => layer.normalizable)
    .map((layer) => layer.name);
}
