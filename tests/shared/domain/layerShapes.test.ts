import { expect, it } from 'vitest';
import type { NetworkLayer } from '#shared/domain/architecture.ts';
import { elementCount, shapeLayers } from '#shared/domain/layerShapes.ts';

it('follows shapes, kernels and multiplications through a stack', () => {
  const convolution = { type: 'convolution', normalizable: true, activation: 'relu' } as const;
  const layers: NetworkLayer[] = [
    { ...convolution, name: 'a', kernelSize: 3, channels: 4, stride: 2, padding: 'same' },
    { ...convolution, name: 'b', kernelSize: 2, channels: 5, stride: 1, padding: 'valid' },
    { type: 'maxPool', size: 2, stride: 2 },
    { type: 'flatten' },
    { type: 'dense', name: 'c', channels: 7, normalizable: false, activation: 'none' },
  ];
  expect(
    shapeLayers(layers, [9, 7, 3]).map(({ name, outputShape, kernelSize, multiplyAdds }) => [
      name,
      outputShape,
      kernelSize,
      multiplyAdds,
    ]),
  ).toEqual([
    // 9 and 7 pixels in steps of 2: 5 and 4.
    ['a', [5, 4, 4], 3 * 3 * 3 * 4, 108 * 20],
    ['b', [4, 3, 5], 2 * 2 * 4 * 5, 80 * 12],
    ['maxPool1', [2, 1, 5], 0, 0],
    ['flatten1', [10], 0, 0],
    ['c', [7], 70, 70],
  ]);
  expect(elementCount([4, 3, 5])).toBe(60);
});

it('follows both ways of a residual block, and a block within a block', () => {
  const convolution = { type: 'convolution', kernelSize: 3, padding: 'same', normalizable: true } as const;
  const layers: NetworkLayer[] = [
    { type: 'branch', name: 'outer' },
    { ...convolution, name: 'a', channels: 4, stride: 2, activation: 'relu' },
    { type: 'branch', name: 'inner' },
    { ...convolution, name: 'b', channels: 4, stride: 1, activation: 'none' },
    { type: 'add', name: 'innerAdd', activation: 'relu' },
    { type: 'shortcut' },
    { ...convolution, name: 'c', kernelSize: 1, channels: 4, stride: 2, activation: 'none' },
    { type: 'add', name: 'outerAdd', activation: 'relu' },
    { type: 'globalAveragePool' },
  ];
  const shaped = shapeLayers(layers, [6, 6, 2]);
  expect(shaped.map(({ name, outputShape, kernelSize }) => [name, outputShape, kernelSize])).toEqual([
    ['outer', [6, 6, 2], 0],
    ['a', [3, 3, 4], 9 * 2 * 4],
    ['inner', [3, 3, 4], 0],
    ['b', [3, 3, 4], 9 * 4 * 4],
    ['innerAdd', [3, 3, 4], 0],
    // The shortcut begins with the block's input.
    ['shortcut1', [6, 6, 2], 0],
    ['c', [3, 3, 4], 2 * 4],
    ['outerAdd', [3, 3, 4], 0],
    ['globalAveragePool1', [4], 0],
  ]);
});
