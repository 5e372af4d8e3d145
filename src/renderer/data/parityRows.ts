import type { ParityReport } from '#shared/contract.ts';

type ParityRecord = ParityReport['records'][number];
export type ParityMeasure = ParityRecord['measures'][number];

/** One reference run, all ways of computing together. */
export interface ParityRow {
  fixture: string;
  ok: boolean;
  /** The error nearest to its tolerance, or furthest beyond it; null where it could not be run. */
  worst: ParityMeasure | null;
  problem: string | null;
  records: ParityRecord[];
}

/** An error as a share of its tolerance: up to 1 is within; what is no number is worst. */
export function shareOfTolerance({ error, tolerance }: ParityMeasure): number {
  if (error === null) return Infinity;
  return error === 0 ? 0 : error / tolerance;
}

/** A row for each reference run, in the report's order. */
export function parityRows({ records }: ParityReport): ParityRow[] {
  const byFixture = Map.groupBy(records, ({ fixture }) => fixture);
  return [...byFixture].map(([fixture, own]) => {
    const measures = own.flatMap((record) => record.measures);
    return {
      fixture,
      ok: own.every(({ ok }) => ok),
      worst: measures.toSorted((left, right) => shareOfTolerance(right) - shareOfTolerance(left))[0] ?? null,
      problem: own.find(({ problem }) => problem !== null)?.problem ?? null,
      records: own,
    };
  });
}
