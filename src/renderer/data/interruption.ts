import type { LabErrorData } from '#shared/errors.ts';
import { formatPlural } from './format.ts';

const mostNamed = 3;

/**
 * What an end that nobody wanted did to runs.
 * @param experimentNames Of the experiments whose runs trained.
 * @param runs How many trained.
 * @param unstarted How many waited behind them.
 */
export function describeInterruption(
  experimentNames: readonly string[],
  runs: number,
  unstarted: number,
): Pick<LabErrorData, 'message' | 'hint'> {
  const named = experimentNames.slice(0, mostNamed).map((name) => `“${name}”`);
  const more = experimentNames.length - named.length;
  const where = [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  const [trained, they, have] = runs === 1 ? ['A run was', 'It', 'its'] : [`${runs} runs were`, 'They', 'their'];
  const waiting =
    unstarted === 0
      ? ''
      : ` ${formatPlural(unstarted, 'run')} that waited ${unstarted === 1 ? 'is' : 'are'} still there.`;
  return {
    message: `${trained} training when NormLab or the machine ended without warning: ${where}.`,
    hint: `${they} can go on from ${have} last checkpoint to the same result.${waiting}`,
  };
}
