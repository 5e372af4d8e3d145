/**
 * The textures and shapes of the example data set, as coverage of a point by foreground.
 *
 * Only + − × ÷, square roots and comparisons are used: these are rounded alike on every machine, as
 * sines and powers are not, so the images are equal bit for bit everywhere.
 */

/** What varies within a class, drawn for each image. */
export interface PatternVariation {
  /** Two numbers from 0 to 1 that change proportions within a class. */
  first: number;
  second: number;
}

/** Coverage from 0 to 1 at (u, v); `sharpness` is 1/width of the soft edge in units of (u, v). */
type Coverage = (u: number, v: number, sharpness: number, variation: PatternVariation) => number;

export interface Pattern {
  /** Name of the class. */
  name: string;
  /** Textures repeat with period 1 in u and v; shapes reach about distance 1 from the origin. */
  kind: 'texture' | 'shape';
  coverage: Coverage;
}

function clamp01(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

/** Soft inside of a signed distance: 1 inside, 0 outside. */
function inside(distance: number, sharpness: number): number {
  return clamp01(0.5 - distance * sharpness);
}

/** A wave of period 1 from −1 to 1 made of parabolas: close to a sine. */
function wave(position: number): number {
  const phase = position - Math.floor(position);
  return phase < 0.5 ? 16 * phase * (0.5 - phase) : -16 * (phase - 0.5) * (1 - phase);
}

/** The larger part of a wave's height is crossed in an eighth of its period. */
function softSign(value: number): number {
  return clamp01(0.5 + value * 1.4);
}

/** Cosines and sines of 90° + k·72°: outward normals of a pentagon with a corner below. */
const pentagonNormals: readonly (readonly [number, number])[] = [
  [0, 1],
  [-0.9510565162951535, 0.30901699437494745],
  [-0.5877852522924731, -0.8090169943749475],
  [0.5877852522924731, -0.8090169943749475],
  [0.9510565162951535, 0.30901699437494745],
];

/** Inside a five-pointed star a point is beyond at most one of the five lines that draw it. */
function starDistance(u: number, v: number, innerRadius: number): number {
  let largest = -Infinity;
  let second = -Infinity;
  for (const [normalU, normalV] of pentagonNormals) {
    const beyond = normalU * u + normalV * v;
    if (beyond > largest) {
      second = largest;
      largest = beyond;
    } else if (beyond > second) {
      second = beyond;
    }
  }
  return second - innerRadius;
}

/** Classes in the order of their labels. */
export const patterns: readonly Pattern[] = [
  { name: 'stripes', kind: 'texture', coverage: (u) => softSign(wave(u)) },
  {
    name: 'waves',
    kind: 'texture',
    coverage: (u, v, _sharpness, { first, second }) =>
      softSign(wave(u + (0.22 + 0.2 * first) * wave(v / (1.6 + 1.2 * second)))),
  },
  { name: 'checks', kind: 'texture', coverage: (u, v) => softSign(2 * wave(u) * wave(v)) },
  {
    name: 'dots',
    kind: 'texture',
    coverage: (u, v, sharpness, { first }) => {
      // Every second row is shifted by half a period.
      const row = Math.floor(v);
      const shifted = u + (row % 2 === 0 ? 0 : 0.5);
      const cellU = shifted - Math.floor(shifted) - 0.5;
      const cellV = v - row - 0.5;
      return inside(Math.sqrt(cellU * cellU + cellV * cellV) - (0.26 + 0.1 * first), sharpness);
    },
  },
  { name: 'disc', kind: 'shape', coverage: (u, v, sharpness) => inside(Math.sqrt(u * u + v * v) - 0.95, sharpness) },
  {
    name: 'ring',
    kind: 'shape',
    coverage: (u, v, sharpness, { first }) => {
      const halfWidth = 0.16 + 0.12 * first;
      return inside(Math.abs(Math.sqrt(u * u + v * v) - (1 - halfWidth)) - halfWidth, sharpness);
    },
  },
  {
    name: 'square',
    kind: 'shape',
    coverage: (u, v, sharpness) => inside(Math.max(Math.abs(u), Math.abs(v)) - 0.82, sharpness),
  },
  {
    name: 'triangle',
    kind: 'shape',
    coverage: (u, v, sharpness) => inside(Math.max(Math.abs(u) * 0.8660254037844386 + v * 0.5, -v) - 0.58, sharpness),
  },
  { name: 'star', kind: 'shape', coverage: (u, v, sharpness) => inside(starDistance(u, v, 0.44), sharpness) },
  {
    name: 'cross',
    kind: 'shape',
    coverage: (u, v, sharpness, { first }) => {
      const halfWidth = 0.24 + 0.1 * first;
      const across = Math.max(Math.abs(u) - 1.05, Math.abs(v) - halfWidth);
      const along = Math.max(Math.abs(u) - halfWidth, Math.abs(v) - 1.05);
      return inside(Math.min(across, along), sharpness);
    },
  },
];
