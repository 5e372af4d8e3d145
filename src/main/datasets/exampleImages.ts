import type { RandomStream } from '#shared/random/randomStream.ts';
import { patterns, type Pattern } from './examplePatterns.ts';

/** Height and width of the images; three channels. */
export const exampleImageSize = 32;

/** How hard the images are; each value was chosen so that training neither fails nor is perfect. */
export const exampleHardness = {
  /** Distance of foreground from background in colour, least and most, of 0…255. */
  minimumContrast: 70,
  maximumContrast: 140,
  /** Share of the contrast that is brightness; the rest is a difference in hue. */
  brightnessShare: 0.75,
  /** How far colours are from grey, 0 to 1. */
  saturation: 0.45,
  /** Largest tangent of half the angle by which a pattern is turned. */
  maximumHalfTangent: 0.16,
  /** Half width of uniform noise a pixel and channel, least and most. */
  minimumNoise: 5,
  maximumNoise: 20,
  /** Height of the smooth disturbance of the background. */
  maximumClouds: 30,
  /** Small spots of other colours. */
  maximumSpots: 2,
  /** Share of images over which a bar lies. */
  occludedShare: 0.3,
} as const;

const size = exampleImageSize;
const cloudCells = 5;

/** A rotation from a rational parametrisation of the circle: no sines, equal bits everywhere. */
interface Rotation {
  cosine: number;
  sine: number;
}

function drawRotation(random: RandomStream, maximumHalfTangent: number): Rotation {
  const halfTangent = (random.uniform() * 2 - 1) * maximumHalfTangent;
  const square = halfTangent * halfTangent;
  return { cosine: (1 - square) / (1 + square), sine: (2 * halfTangent) / (1 + square) };
}

function between(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

type Colour = [red: number, green: number, blue: number];

function drawColour(random: RandomStream): Colour {
  const { saturation } = exampleHardness;
  const grey = between(random, 40, 215);
  const channel = (): number => grey + saturation * (between(random, 0, 255) - grey);
  return [channel(), channel(), channel()];
}

/** A colour at a given distance from another, mostly brighter or darker: visible whatever the background is. */
function drawContrastingColour(random: RandomStream, background: Colour): Colour {
  const { minimumContrast, maximumContrast, brightnessShare } = exampleHardness;
  const contrast = between(random, minimumContrast, maximumContrast);
  const brightness = (background[0] + background[1] + background[2]) / 3;
  // Away from the near end of the scale, where clipping would take the contrast away.
  const sign = brightness > 127.5 ? -1 : 1;
  const channel = (value: number): number =>
    value + contrast * (sign * brightnessShare + (1 - brightnessShare) * between(random, -1.5, 1.5));
  return [channel(background[0]), channel(background[1]), channel(background[2])];
}

/** Draws one image of a class: pixels [32, 32, 3] into `target` from `offset` on. */
export function drawExampleImage(label: number, random: RandomStream, target: Uint8Array, offset: number): void {
  const pattern = patterns[label];
  if (!pattern) throw new RangeError(`there is no class ${label}`);
  const canvas = new Float64Array(size * size * 3);
  const background = drawBackground(random, canvas);
  drawSpots(random, canvas);
  drawPattern(pattern, random, canvas, drawContrastingColour(random, background));
  if (random.uniform() < exampleHardness.occludedShare) drawBar(random, canvas);
  writeWithNoise(random, canvas, target, offset);
}

/** A linear gradient between two colours, disturbed by smooth clouds. Returns its mean colour. */
function drawBackground(random: RandomStream, canvas: Float64Array): Colour {
  const from = drawColour(random);
  const to = from.map((value) => value + between(random, -60, 60)) as Colour;
  const { cosine, sine } = drawRotation(random, 1);
  const clouds = Float64Array.from({ length: cloudCells * cloudCells * 3 }, () => between(random, -0.5, 0.5));
  const cloudHeight = random.uniform() * exampleHardness.maximumClouds;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const along = ((x - 15.5) * cosine + (y - 15.5) * sine) / 44 + 0.5;
      const cellX = (x / size) * (cloudCells - 1);
      const cellY = (y / size) * (cloudCells - 1);
      const left = Math.floor(cellX);
      const top = Math.floor(cellY);
      const right = cellX - left;
      const down = cellY - top;
      for (let channel = 0; channel < 3; channel++) {
        const corner = (top * cloudCells + left) * 3 + channel;
        const upper = (clouds[corner] ?? 0) * (1 - right) + (clouds[corner + 3] ?? 0) * right;
        const below = corner + cloudCells * 3;
        const lower = (clouds[below] ?? 0) * (1 - right) + (clouds[below + 3] ?? 0) * right;
        const start = from[channel] ?? 0;
        canvas[(y * size + x) * 3 + channel] =
          start + ((to[channel] ?? 0) - start) * along + cloudHeight * (upper * (1 - down) + lower * down);
      }
    }
  }
  return [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2, (from[2] + to[2]) / 2];
}

function blend(canvas: Float64Array, x: number, y: number, colour: Colour, share: number): void {
  const pixel = (y * size + x) * 3;
  for (let channel = 0; channel < 3; channel++) {
    const value = canvas[pixel + channel] ?? 0;
    canvas[pixel + channel] = value + ((colour[channel] ?? 0) - value) * share;
  }
}

/** Small discs anywhere: details that say nothing about the class. */
function drawSpots(random: RandomStream, canvas: Float64Array): void {
  for (let spots = random.integer(exampleHardness.maximumSpots + 1); spots > 0; spots--) {
    const colour = drawColour(random);
    const centreX = between(random, 0, size);
    const centreY = between(random, 0, size);
    const radius = between(random, 1, 3.2);
    const opacity = between(random, 0.3, 0.8);
    const reach = radius + 1;
    for (let y = Math.max(0, Math.floor(centreY - reach)); y < Math.min(size, centreY + reach); y++) {
      for (let x = Math.max(0, Math.floor(centreX - reach)); x < Math.min(size, centreX + reach); x++) {
        const distance = Math.sqrt((x - centreX) * (x - centreX) + (y - centreY) * (y - centreY)) - radius;
        if (distance < 0.5) blend(canvas, x, y, colour, opacity * Math.min(1, 0.5 - distance));
      }
    }
  }
}

function drawPattern(pattern: Pattern, random: RandomStream, canvas: Float64Array, colour: Colour): void {
  const { cosine, sine } = drawRotation(random, exampleHardness.maximumHalfTangent);
  const isTexture = pattern.kind === 'texture';
  // Pixels a period or a radius.
  const unit = isTexture ? between(random, 4.5, 9) : between(random, 5, 11.5);
  const phaseU = isTexture ? random.uniform() : 0;
  const phaseV = isTexture ? random.uniform() : 0;
  const room = isTexture ? 9 : Math.max(2, 15 - unit);
  const centreX = 15.5 + between(random, -room, room);
  const centreY = 15.5 + between(random, -room, room);
  /** Textures end in a round or straight-edged patch, so that an outline says nothing about the class. */
  const patchRadius = between(random, 9, 22);
  const patchIsRound = random.uniform() < 0.5;
  /** Shapes are not quite regular. */
  const stretch = isTexture ? 1 : between(random, 0.82, 1.22);
  const variation = { first: random.uniform(), second: random.uniform() };
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const alongX = (x - centreX) * cosine + (y - centreY) * sine;
      const alongY = (y - centreY) * cosine - (x - centreX) * sine;
      const u = (alongX / unit) * stretch + phaseU;
      const v = alongY / unit + phaseV;
      let share = pattern.coverage(u, v, unit, variation);
      if (isTexture && share > 0) {
        const distance = patchIsRound
          ? Math.sqrt(alongX * alongX + alongY * alongY)
          : Math.max(Math.abs(alongX), Math.abs(alongY));
        share *= Math.min(1, Math.max(0, patchRadius - distance + 0.5));
      }
      if (share > 0) blend(canvas, x, y, colour, share);
    }
  }
}

/** A bar across the image that hides part of what is below. */
function drawBar(random: RandomStream, canvas: Float64Array): void {
  const colour = drawColour(random);
  const { cosine, sine } = drawRotation(random, 1);
  const position = between(random, -11, 11);
  const halfWidth = between(random, 1, 3);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const distance = Math.abs((x - 15.5) * cosine + (y - 15.5) * sine - position) - halfWidth;
      if (distance < 0.5) blend(canvas, x, y, colour, Math.min(1, 0.5 - distance));
    }
  }
}

/** Rounds to bytes after adding uniform noise to each pixel and channel. */
function writeWithNoise(random: RandomStream, canvas: Float64Array, target: Uint8Array, offset: number): void {
  const amplitude = between(random, exampleHardness.minimumNoise, exampleHardness.maximumNoise) / 127.5;
  // Marsaglia's xorshift: plain integers and quick, seeded by the stream; noise needs no better.
  let state = random.uint32() | 1;
  for (let index = 0; index < canvas.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const value = (canvas[index] ?? 0) + amplitude * ((state >>> 24) - 127.5);
    target[offset + index] = value < 0 ? 0 : value > 255 ? 255 : Math.floor(value + 0.5);
  }
}
