import { parseNumber } from './fieldValues.ts';

export interface ParsedSeeds {
  seeds: number[];
  /** What is wrong, in words; null where nothing is. */
  problem: string | null;
}

const largestSeed = 0xffff_ffff;
const mostSeeds = 1000;

/** Reads `1, 2, 3` and `1-5`. */
export function parseSeeds(text: string): ParsedSeeds {
  const seeds: number[] = [];
  for (const part of text.split(/[,;\s]+/).filter((piece) => piece !== '')) {
    const range = /^(\d+)\s*(?:-|–|\.\.)\s*(\d+)$/.exec(part);
    const from = range ? Number(range[1]) : parseNumber(part);
    const to = range ? Number(range[2]) : from;
    if (from === null || to === null || !isSeed(from) || !isSeed(to)) {
      return { seeds, problem: `“${part}” is not a seed. Write whole numbers from 0, as in 1, 2, 3 or 1-5.` };
    }
    if (to < from) return { seeds, problem: `“${part}” runs backwards. Write the smaller seed first.` };
    if (seeds.length + to - from + 1 > mostSeeds) return { seeds, problem: `At most ${mostSeeds} seeds are possible.` };
    for (let seed = from; seed <= to; seed += 1) {
      if (seeds.includes(seed)) return { seeds, problem: `Seed ${seed} is named twice.` };
      seeds.push(seed);
    }
  }
  return { seeds, problem: seeds.length === 0 ? 'Name at least one seed.' : null };
}

function isSeed(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= largestSeed;
}

/** `1, 2, 3`, or `1-12` where many follow one another. */
export function formatSeeds(seeds: readonly number[]): string {
  const first = seeds[0] ?? 1;
  const consecutive = seeds.every((seed, index) => seed === first + index);
  return consecutive && seeds.length > 3 ? `${first}-${first + seeds.length - 1}` : seeds.join(', ');
}

/** As many seeds: those there are, then the next free ones. */
export function resizeSeeds(seeds: readonly number[], count: number): number[] {
  const result = seeds.slice(0, Math.max(1, count));
  for (let seed = 1; result.length < Math.min(count, mostSeeds); seed += 1)
    if (!result.includes(seed)) result.push(seed);
  return result;
}
