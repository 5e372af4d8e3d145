import { describe, expect, it } from 'vitest';
import { normalQuantile, portableLog } from '#shared/random/normalQuantile.ts';
import { philox4x32 } from '#shared/random/philox.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';

describe('philox4x32', () => {
  // Known answers published with the generator (Random123, kat_vectors, philox4x32 with 10 rounds).
  it.each([
    ['zeros', [0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      'ones',
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      'digits of pi',
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the published words for %s', (_, counter, key, expected) => {
    const output = new Uint32Array(4);
    philox4x32(Uint32Array.from(counter), Uint32Array.from(key), output);
    expect([...output]).toEqual(expected);
  });
});

describe('normalQuantile', () => {
  // Python 3.11: [statistics.NormalDist().inv_cdf(p) for p in (...)]
  it.each([
    [1e-15, -7.941345326170995],
    [1e-9, -5.9978070150076865],
    [0.001, -3.090232306167813],
    [0.05, -1.6448536269514726],
    [0.3, -0.5244005127080407],
    [0.5, 0],
    [0.75, 0.6744897501960817],
    [0.999999, 4.753424308817089],
  ])('at %d', (probability, expected) => {
    expect(Math.abs(normalQuantile(probability) - expected)).toBeLessThan(1e-14);
  });

  it('has a logarithm that agrees with Math.log', () => {
    for (const x of [1e-300, 1e-16, 0.3, 0.70710678, 0.9999999, 1, 1.0000001, 1.41421356, 2, 12345.678, 1e300]) {
      expect(Math.abs(portableLog(x) - Math.log(x))).toBeLessThanOrEqual(1e-15 * Math.max(1, Math.abs(Math.log(x))));
    }
  });
});

describe('createRandomStream', () => {
  it('gives the same numbers on every machine', () => {
    // Made by tests/shared/random/reference.py, which draws the same streams by other means.
    const stream = createRandomStream(7, 'order/0');
    expect([stream.uint32(), stream.uint32(), stream.uint32(), stream.uint32(), stream.uint32()]).toEqual([
      1485905653, 223697086, 4222196106, 3096212820, 575547211,
    ]);
    expect([...createRandomStream(7, 'order/0').permutation(10)]).toEqual([5, 8, 4, 9, 0, 6, 1, 2, 7, 3]);
    const uniform = createRandomStream(4294967295, 'u');
    expect([uniform.uniform(), uniform.uniform()]).toEqual([0.15033120056370408, 0.15166054058190126]);
    const normal = createRandomStream(0, 'initial/conv1/kernel');
    [0.5500981856151783, 0.7978554282051922, 0.5336669373465591, 0.3011498883503569].forEach((expected) => {
      expect(Math.abs(normal.normal() - expected)).toBeLessThan(1e-14);
    });
  });

  it('keeps streams of other seeds and purposes apart', () => {
    const firstWords = [
      createRandomStream(1, 'a').uint32(),
      createRandomStream(2, 'a').uint32(),
      createRandomStream(1, 'b').uint32(),
      createRandomStream(11, '').uint32(),
      createRandomStream(1, '1/').uint32(),
    ];
    expect(new Set(firstWords).size).toBe(firstWords.length);
  });

  it('has normals with the moments of the normal distribution', () => {
    const count = 200_000;
    const values = createRandomStream(3, 'moments').normals(count, 1);
    const moment = (power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / count;
    // Five standard errors: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n).
    expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(1 / count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / count));
  });

  it('draws integers without bias where the bound does not divide 2³²', () => {
    const stream = createRandomStream(5, 'integers');
    const counts = new Array<number>(7).fill(0);
    for (let draw = 0; draw < 70_000; draw++) {
      const value = stream.integer(7);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    const chiSquared = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    // 99.9% point of chi-squared with 6 degrees of freedom.
    expect(chiSquared).toBeLessThan(22.46);
  });

  it('permutes: every index once', () => {
    const order = createRandomStream(9, 'permutation').permutation(1000);
    expect([...order].sort((left, right) => left - right)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });

  it.each([-1, 0.5, 4294967296, Number.NaN])('refuses the seed %d', (seed) => {
    expect(() => createRandomStream(seed, 'x')).toThrow(RangeError);
  });
});
