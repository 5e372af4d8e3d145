import type { ImageShape, NetworkLayer } from './architecture.ts';

/** One element of a stack with what follows from its input's shape. */
export interface ShapedLayer {
  layer: NetworkLayer;
  /** The layer's own name, or its type and position among its kind: `conv1`, `maxPool1`, `flatten1`. */
  name: string;
  /** [height, width, channels] or [channels], without the batch. */
  outputShape: number[];
  /** Weights of the kernel; 0 for layers without weights. */
  kernelSize: number;
  /** Multiplications (each with an addition) of one image's way through the linear map. */
  multiplyAdds: number;
}

/** Shapes behind each layer for images of this shape; a convolution's or window's side is at least one pixel. */
export function shapeLayers(layers: readonly NetworkLayer[], image: ImageShape): ShapedLayer[] {
  const countOfType = new Map<string, number>();
  let shape: number[] = [...image];
  /** Of blocks that have begun: the shape on the way that is not being followed. */
  const others: number[][] = [];
  return layers.map((layer) => {
    const [height = 1, width = 1, channels = height] = shape;
    let kernelSize = 0;
    let multiplyAdds = 0;
    switch (layer.type) {
      case 'convolution': {
        const side = (length: number): number => outputSide(length, layer.kernelSize, layer.stride, layer.padding);
        shape = [side(height), side(width), layer.channels];
        kernelSize = layer.kernelSize ** 2 * channels * layer.channels;
        multiplyAdds = kernelSize * (shape[0] ?? 1) * (shape[1] ?? 1);
        break;
      }
      case 'maxPool':
        shape = [
          outputSide(height, layer.size, layer.stride, 'valid'),
          outputSide(width, layer.size, layer.stride, 'valid'),
          channels,
        ];
        break;
      case 'globalAveragePool':
        shape = [channels];
        break;
      case 'flatten':
        shape = [elementCount(shape)];
        break;
      case 'branch':
        others.push(shape);
        break;
      case 'shortcut': {
        const input = others.pop() ?? shape;
        others.push(shape);
        shape = input;
        break;
      }
      case 'add':
        others.pop();
        break;
      case 'dense':
        kernelSize = elementCount(shape) * layer.channels;
        multiplyAdds = kernelSize;
        shape = [layer.channels];
        break;
    }
    const count = (countOfType.get(layer.type) ?? 0) + 1;
    countOfType.set(layer.type, count);
    const name = 'name' in layer ? layer.name : `${layer.type}${count}`;
    return { layer, name, outputShape: shape, kernelSize, multiplyAdds };
  });
}

/** Values of an output of this shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function outputSide(side: number, window: number, stride: number, padding: 'same' | 'valid'): number {
  return Math.max(1, padding === 'same' ? Math.ceil(side / stride) : Math.floor((side - window) / stride) + 1);
}
