import { adjustByHolm } from '../statistics/holm.ts';
import {
  combineVerdicts,
  judgeDifference,
  significanceLevel,
  type JudgedDifference,
  type Verdict,
} from '../statistics/pairedDifference.ts';
import type { Claim, ClaimPart } from './claim.ts';
import type { RunState } from './runState.ts';

/** A run and what its series come to. */
export interface MeasuredRun {
  id: string;
  label: string;
  seed: number;
  state: RunState;
  /** Final values by series; null or absent where there is none or where it is not finite. */
  values: Readonly<Partial<Record<string, number | null>>>;
}

/** Two runs of the same seed. */
export interface RunPair {
  seed: number;
  leftRunId: string;
  rightRunId: string;
  left: number;
  right: number;
  /** left − right. */
  difference: number;
}

/** Why a run cannot be one of a pair. */
export type RunProblem = 'missing' | 'diverged' | 'failed' | 'unfinished' | 'noValue';

/** A seed that is in no pair, and what is wrong with its runs. */
export interface LeftOutSeed {
  seed: number;
  problems: { label: string; runId: string | null; problem: RunProblem }[];
}

/** A difference below this share of the values is rounding. */
const rounding = 1e-12;

export interface PairedRuns {
  pairs: RunPair[];
  leftOut: LeftOutSeed[];
}

/** Runs of two labels paired by seed, in the order of the seeds; no seed is left out without being named. */
export function pairRuns(runs: readonly MeasuredRun[], metric: string, left: string, right: string): PairedRuns {
  const sides = [left, right].map(
    (label) => [label, new Map(runs.filter((run) => run.label === label).map((run) => [run.seed, run]))] as const,
  );
  const seeds = new Set(sides.flatMap(([, bySeed]) => [...bySeed.keys()]));
  const pairs: RunPair[] = [];
  const leftOut: LeftOutSeed[] = [];
  for (const seed of [...seeds].toSorted((a, b) => a - b)) {
    const found = sides.map(([label, bySeed]) => ({ label, ...findValue(bySeed.get(seed), metric) }));
    const [one, other] = found;
    if (one?.problem === null && other?.problem === null) {
      const raw = one.value - other.value;
      const difference = Math.abs(raw) <= rounding * Math.max(Math.abs(one.value), Math.abs(other.value)) ? 0 : raw;
      pairs.push({
        seed,
        leftRunId: one.runId,
        rightRunId: other.runId,
        left: one.value,
        right: other.value,
        difference,
      });
      continue;
    }
    leftOut.push({
      seed,
      problems: found.flatMap(({ label, runId, problem }) => (problem === null ? [] : [{ label, runId, problem }])),
    });
  }
  return { pairs, leftOut };
}

type FoundValue =
  { runId: string; value: number; problem: null } | { runId: string | null; value: null; problem: RunProblem };

function findValue(run: MeasuredRun | undefined, metric: string): FoundValue {
  if (run === undefined) return { runId: null, value: null, problem: 'missing' };
  const { id: runId, state } = run;
  if (state !== 'done') {
    // What a diverged run reached before is not what it comes to.
    return { runId, value: null, problem: state === 'diverged' || state === 'failed' ? state : 'unfinished' };
  }
  const value = run.values[metric];
  if (value === undefined || value === null || !Number.isFinite(value))
    return { runId, value: null, problem: 'noValue' };
  return { runId, value, problem: null };
}

const problemText: { readonly [Problem in RunProblem]: string } = {
  missing: 'has no run',
  diverged: 'diverged',
  failed: 'failed',
  unfinished: 'has not come to its end',
  noValue: 'has no finite final value',
};

/** `Seed 3 is left out: Batch normalization, batch size 256 diverged.` */
export function describeLeftOut({ seed, problems }: LeftOutSeed, name: (label: string) => string): string {
  const said = problems.map(({ label, problem }) => `${name(label)} ${problemText[problem]}`);
  return `Seed ${seed} is left out: ${said.join('; ')}.`;
}

export interface PartVerdict extends JudgedDifference, PairedRuns, ClaimPart {
  /** By Holm, over every part of every claim that is judged together. */
  adjustedProbability: number | null;
  adjustedVerdict: Verdict;
  /** Why nothing can be decided; null where that is decided by the numbers. */
  reason: string | null;
}

export interface ClaimVerdict extends Omit<Claim, 'parts'> {
  verdict: Verdict;
  adjustedVerdict: Verdict;
  parts: PartVerdict[];
}

/**
 * Judges claims by the final values of runs, paired by seed (statistics/pairedDifference.ts). Verdicts are
 * each claim's own; the adjusted ones beside them keep to the 5% over all parts of all these claims
 * together, by Holm's procedure. Pairs that cannot be made are named, never dropped in silence.
 */
export function judgeClaims(claims: readonly Claim[], runs: readonly MeasuredRun[]): ClaimVerdict[] {
  const judged = claims.map((claim) => claim.parts.map((part) => judgePart(part, runs)));
  const adjusted = adjustByHolm(judged.flat().map(({ probability }) => probability));
  let position = 0;
  return claims.map((claim, index) => {
    const parts = (judged[index] ?? []).map((part): PartVerdict => {
      const adjustedProbability = adjusted[position] ?? null;
      position += 1;
      const stays = adjustedProbability !== null && adjustedProbability <= significanceLevel;
      return { ...part, adjustedProbability, adjustedVerdict: stays ? part.verdict : 'inconclusive' };
    });
    return {
      ...claim,
      verdict: combineVerdicts(parts.map((part) => part.verdict)),
      adjustedVerdict: combineVerdicts(parts.map((part) => part.adjustedVerdict)),
      parts,
    };
  });
}

function judgePart(
  part: ClaimPart,
  runs: readonly MeasuredRun[],
): Omit<PartVerdict, 'adjustedProbability' | 'adjustedVerdict'> {
  const { pairs, leftOut } = pairRuns(runs, part.metric, part.left, part.right);
  const judged = judgeDifference(
    pairs.map(({ difference }) => difference),
    part.expected,
  );
  return { ...part, ...judged, pairs, leftOut, reason: judged.interval === null ? whyUndecided(pairs.length) : null };
}

function whyUndecided(pairCount: number): string {
  if (pairCount === 0) return 'There is no seed of which both runs came to their end.';
  if (pairCount === 1) return 'One pair has no spread: an interval takes at least two seeds.';
  return 'All pairs have the same difference: without spread there is no interval. More seeds, or more validation images, would show one.';
}
