import { expect, test } from 'vitest';
import { decodeBase64, toRgba } from '../../../src/renderer/components/data/pixels.ts';

test('pixels of any number of channels become colours', () => {
  expect([...decodeBase64('AAECAwT/')]).toEqual([0, 1, 2, 3, 4, 255]);
  expect([...toRgba(Uint8Array.of(7, 9), 1)]).toEqual([7, 7, 7, 255, 9, 9, 9, 255]);
  expect([...toRgba(Uint8Array.of(7, 128), 2)]).toEqual([7, 7, 7, 128]);
  expect([...toRgba(Uint8Array.of(1, 2, 3), 3)]).toEqual([1, 2, 3, 255]);
  expect([...toRgba(Uint8Array.of(1, 2, 3, 4), 4)]).toEqual([1, 2, 3, 4]);
});
