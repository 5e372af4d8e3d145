import { expect, it } from 'vitest';
import { createAugmentation } from '#trainer/augmentation.ts';
import { tinyDocument } from './trainHarness.ts';

const [height, width, channels] = [3, 4, 2];
const imageLength = height * width * channels;
const stepsPerEpoch = 50;

/** Pixels that say where they are: 1 + their index. */
const numbered = (images: number): Float32Array =>
  Float32Array.from({ length: images * imageLength }, (_, index) => 1 + (index % imageLength));

function augment(
  changes: { cropPadding?: number; horizontalFlip?: boolean; batchSize?: number; seed?: number },
  step: number,
): Float32Array | null {
  const { cropPadding = 0, horizontalFlip = false, batchSize = 4, seed = 1 } = changes;
  const document = tinyDocument({ augmentation: { cropPadding, horizontalFlip }, batchSize, seed });
  const augmentation = createAugmentation(document, [height, width, channels], stepsPerEpoch);
  const images = numbered(batchSize);
  augmentation?.apply(step, images);
  return augmentation && images;
}

/** The crop at dy, dx of an image padded with zeros, mirrored or not, by its definition. */
function cropped(dy: number, dx: number, mirrored: boolean): number[] {
  return Array.from({ length: imageLength }, (_, index) => {
    const channel = index % channels;
    const column = Math.floor(index / channels) % width;
    const y = Math.floor(index / (channels * width)) + dy;
    const x = (mirrored ? width - 1 - column : column) + dx;
    const isInside = y >= 0 && y < height && x >= 0 && x < width;
    return isInside ? 1 + (y * width + x) * channels + channel : 0;
  });
}

it('is nothing by default', () => {
  expect(augment({}, 0)).toBeNull();
});

it('gives every crop and flip, each as often as any other', () => {
  const padding = 1;
  const counts = new Map<string, number>();
  const known = new Map<string, string>();
  for (const dy of [-1, 0, 1]) {
    for (const dx of [-1, 0, 1]) {
      for (const flip of [false, true]) known.set(cropped(dy, dx, flip).join(), `${dy} ${dx} ${flip}`);
    }
  }
  expect(known.size).toBe(18);
  const draws = 150;
  for (let step = 0; step < draws; step++) {
    const images = augment({ cropPadding: padding, horizontalFlip: true, batchSize: 12 }, step) ?? new Float32Array();
    for (let item = 0; item < 12; item++) {
      const found = known.get(images.slice(item * imageLength, (item + 1) * imageLength).join());
      expect(found, 'a crop of the image').toBeDefined();
      counts.set(found ?? '', (counts.get(found ?? '') ?? 0) + 1);
    }
  }
  // 1800 draws of 18 results: 100 each, standard deviation 9.7; five of them are 49.
  for (const name of known.values()) expect(Math.abs((counts.get(name) ?? 0) - 100), name).toBeLessThan(49);
});

it('moves by as much as the padding allows, also beyond the image', () => {
  const possible = new Set<string>();
  for (let dy = -5; dy <= 5; dy++) for (let dx = -5; dx <= 5; dx++) possible.add(cropped(dy, dx, false).join());
  for (let step = 0; step < 30; step++) {
    const images = augment({ cropPadding: 5 }, step) ?? new Float32Array();
    for (let item = 0; item < 4; item++) {
      expect(possible.has(images.slice(item * imageLength, (item + 1) * imageLength).join())).toBe(true);
    }
  }
});

it('is a function of seed, epoch and place, not of what came before or the batch size', () => {
  const settings = { cropPadding: 2, horizontalFlip: true };
  const document = tinyDocument({ augmentation: settings, batchSize: 4, seed: 3 });
  const whole = createAugmentation(document, [height, width, channels], stepsPerEpoch);
  const steps = Array.from({ length: stepsPerEpoch + 2 }, (_, step) => {
    const images = numbered(4);
    whole?.apply(step, images);
    return images;
  });
  for (const step of [0, 7, stepsPerEpoch, stepsPerEpoch + 1]) {
    expect(augment({ ...settings, seed: 3 }, step)).toEqual(steps[step]);
  }
  expect(augment({ ...settings, seed: 4 }, 7)).not.toEqual(steps[7]);
  expect(steps[stepsPerEpoch + 1]).not.toEqual(steps[1]);
  // Twice the batch: step 3 holds the places of steps 6 and 7.
  const large = augment({ ...settings, seed: 3, batchSize: 8 }, 3) ?? new Float32Array();
  expect([...large]).toEqual([...(steps[6] ?? []), ...(steps[7] ?? [])]);
});
