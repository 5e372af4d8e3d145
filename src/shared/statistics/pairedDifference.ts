import { meanInterval, tQuantileTwoSided, tTailProbability } from './tInterval.ts';

/** What is expected of the mean difference: a direction, or that it is 0 within a margin. */
export type ExpectedDifference = { relation: 'greater' | 'less' } | { relation: 'equal'; margin: number };

export type Verdict = 'supported' | 'contradicted' | 'inconclusive';

/** Confidence of the interval that decides: a direction's, and equality's (two one-sided tests at 5% each). */
export const decidingConfidence = { direction: 0.95, equality: 0.9 } as const;
/** A test decides where its probability is at or below this. */
export const significanceLevel = 0.05;
/** More seeds than this are not counted: nobody trains them. */
export const mostSeeds = 1000;
/** A standard deviation below this share of the mean is rounding, not spread. */
const leastSpread = 1e-9;

export interface PairedDifference {
  /** Pairs that count. */
  count: number;
  /** Mean of the differences d; null without pairs. */
  mean: number | null;
  /** Sample standard deviation of the differences; null below two pairs. */
  standardDeviation: number | null;
  /** Confidence of `interval`. */
  confidence: number;
  /**
   * Mean ± t·s/√n; null below two pairs, and where all differences are equal: shares of few images can
   * agree by chance, and t is not defined then.
   */
  interval: { lower: number; upper: number } | null;
  /** Cohen's d_z = mean / s (Cohen 1988, 2.3.5); null where `interval` is. */
  effectSize: number | null;
}

/**
 * Differences of pairs with the t-interval of their mean.
 * @param differences Finite, one a pair.
 */
export function describePairedDifference(differences: readonly number[], confidence: number): PairedDifference {
  const { mean, halfWidth, count } = meanInterval(differences, confidence);
  const standardDeviation =
    count >= 2
      ? Math.sqrt(differences.reduce((sum, difference) => sum + (difference - mean) ** 2, 0) / (count - 1))
      : null;
  const hasSpread = standardDeviation !== null && standardDeviation > leastSpread * Math.abs(mean);
  return {
    count,
    mean: count === 0 ? null : mean,
    standardDeviation,
    confidence,
    interval: hasSpread ? { lower: mean - halfWidth, upper: mean + halfWidth } : null,
    effectSize: hasSpread ? mean / standardDeviation : null,
  };
}

export interface JudgedDifference extends PairedDifference {
  verdict: Verdict;
  /**
   * At or below 0.05 exactly where the verdict is decided. Of a direction: two-sided, P(|T| ≥ |t|),
   * t = mean/(s/√n). Of equality: the larger of the two one-sided tests against the margins (Schuirmann 1987)
   * where the mean lies within them, else the one-sided test of the margin that it lies beyond.
   * Null where there is no interval.
   */
  probability: number | null;
  /** Pairs at which the interval would decide if mean and spread stayed as they are; null where decided or unknown. */
  pairsToDecide: number | null;
}

/**
 * Judges paired differences: of a direction, the 95% interval excludes 0 on the expected side (supported), on the
 * other (contradicted), or not; of equality, the 90% interval lies inside the margin (supported), entirely outside
 * (contradicted), or neither. Where there is no interval nothing is decided.
 * @throws RangeError for a margin that is not positive.
 */
export function judgeDifference(differences: readonly number[], expected: ExpectedDifference): JudgedDifference {
  if (expected.relation === 'equal' && !(expected.margin > 0)) {
    throw new RangeError(`The margin is ${expected.margin}; it must be positive.`);
  }
  const confidence = expected.relation === 'equal' ? decidingConfidence.equality : decidingConfidence.direction;
  const difference = describePairedDifference(differences, confidence);
  const { interval } = difference;
  if (interval === null) return { ...difference, verdict: 'inconclusive', probability: null, pairsToDecide: null };
  const verdict = decide(interval, expected);
  return {
    ...difference,
    verdict,
    probability: probabilityOf(difference, expected),
    pairsToDecide: verdict === 'inconclusive' ? countPairsToDecide(difference, expected) : null,
  };
}

function decide({ lower, upper }: { lower: number; upper: number }, expected: ExpectedDifference): Verdict {
  if (expected.relation === 'equal') {
    const { margin } = expected;
    if (lower > -margin && upper < margin) return 'supported';
    return lower > margin || upper < -margin ? 'contradicted' : 'inconclusive';
  }
  const [isGreater, isLess] = [lower > 0, upper < 0];
  if (!isGreater && !isLess) return 'inconclusive';
  return isGreater === (expected.relation === 'greater') ? 'supported' : 'contradicted';
}

function probabilityOf(difference: PairedDifference, expected: ExpectedDifference): number {
  const mean = difference.mean ?? Number.NaN;
  const error = (difference.standardDeviation ?? Number.NaN) / Math.sqrt(difference.count);
  /** P of a deviation from a bound at least as large as this, if the bound were the truth. */
  const above = (deviation: number): number => tTailProbability(deviation / error, difference.count - 1);
  if (expected.relation !== 'equal') return Math.min(1, 2 * above(Math.abs(mean)));
  const { margin } = expected;
  return Math.abs(mean) < margin
    ? Math.max(above(margin + mean), above(margin - mean))
    : above(Math.abs(mean) - margin);
}

/** Smallest n with t(n − 1)·s/√n below the distance that is to be shown; t depends on n, so n is stepped up. */
function countPairsToDecide(difference: PairedDifference, expected: ExpectedDifference): number | null {
  const { mean, standardDeviation, confidence, count } = difference;
  if (mean === null || standardDeviation === null) return null;
  const distance = expected.relation === 'equal' ? Math.abs(expected.margin - Math.abs(mean)) : Math.abs(mean);
  if (distance === 0) return null;
  for (let pairs = count + 1; pairs <= mostSeeds; pairs += 1) {
    // 1.64 is below every quantile used: steps that cannot do need no quantile.
    if ((1.64 * standardDeviation) / Math.sqrt(pairs) >= distance) continue;
    if ((tQuantileTwoSided(confidence, pairs - 1) * standardDeviation) / Math.sqrt(pairs) < distance) return pairs;
  }
  return null;
}

/** Of several parts: supported where all are, contradicted where any is, else inconclusive. */
export function combineVerdicts(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('contradicted')) return 'contradicted';
  return verdicts.length > 0 && verdicts.every((verdict) => verdict === 'supported') ? 'supported' : 'inconclusive';
}
