import { expect, test } from 'vitest';
import { formatSeeds, parseSeeds, resizeSeeds } from '../../../src/renderer/components/experimentForm/seeds.ts';

test('seeds are read from lists and ranges', () => {
  expect(parseSeeds('1, 2 3;7-9')).toEqual({ seeds: [1, 2, 3, 7, 8, 9], problem: null });
  expect(parseSeeds('0..2')).toEqual({ seeds: [0, 1, 2], problem: null });
});

test('what is wrong with seeds is said in words, and those before it stay', () => {
  expect(parseSeeds('1, x')).toEqual({
    seeds: [1],
    problem: '“x” is not a seed. Write whole numbers from 0, as in 1, 2, 3 or 1-5.',
  });
  expect(parseSeeds('')).toEqual({ seeds: [], problem: 'Name at least one seed.' });
  expect(parseSeeds('1, 1').problem).toBe('Seed 1 is named twice.');
  expect(parseSeeds('5-1').problem).toBe('“5-1” runs backwards. Write the smaller seed first.');
  expect(parseSeeds('1-5000').problem).toBe('At most 1000 seeds are possible.');
  expect(parseSeeds('4294967296').problem).toContain('is not a seed');
});

test('a number of seeds keeps those there are', () => {
  expect(resizeSeeds([2, 5], 4)).toEqual([2, 5, 1, 3]);
  expect(resizeSeeds([2, 5, 7], 1)).toEqual([2]);
  expect([formatSeeds([1, 2, 3]), formatSeeds([1, 2, 3, 4]), formatSeeds([1, 3, 5, 7, 9, 11])]).toEqual([
    '1, 2, 3',
    '1-4',
    '1, 3, 5, 7, 9, 11',
  ]);
});
