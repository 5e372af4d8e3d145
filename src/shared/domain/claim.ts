import { z } from 'zod';
import { LabError } from '../errors.ts';

/** Label of the runs on one side, as `ExpandedRun.label` has it. */
const label = z.string().min(1).max(500);

const claimPartSchema = z.strictObject({
  /** Name of the metric series whose final values are compared; `final value` as in statistics/finalValue.ts. */
  metric: z.string().min(1).max(200),
  left: label,
  right: label,
  /** What is claimed of left − right, paired by seed. */
  expected: z.discriminatedUnion('relation', [
    z.strictObject({ relation: z.literal('greater') }),
    z.strictObject({ relation: z.literal('less') }),
    z.strictObject({
      relation: z.literal('equal'),
      /** In the metric's unit: a smaller difference counts as none. */
      margin: z.number().positive(),
    }),
  ]),
});

/** Something that is said of an experiment's results, so that measurements can support or contradict it. */
export const claimSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  /** The figure it is about, as in `Figure 2a`. */
  figure: z.string().max(100),
  text: z.string().min(1).max(1000),
  /** How the words are measured, where that is a choice. */
  reading: z.string().max(1000).optional(),
  /** The claim holds where every part does. */
  parts: z.array(claimPartSchema).min(1).max(20),
});

export type Claim = z.infer<typeof claimSchema>;
export type ClaimPart = Claim['parts'][number];

/** @throws LabError `invalidDocument` where a claim is about runs that are not among these, or shares its id. */
export function checkClaims(claims: readonly Claim[], labels: ReadonlySet<string>): void {
  const ids = new Set<string>();
  for (const claim of claims) {
    const absent = claim.parts.flatMap(({ left, right }) => [left, right]).find((side) => !labels.has(side));
    if (absent === undefined && !ids.has(claim.id)) {
      ids.add(claim.id);
      continue;
    }
    throw new LabError(
      'invalidDocument',
      absent === undefined
        ? `Two claims have the id “${claim.id}”.`
        : `The claim “${claim.id}” compares “${absent}”, but no run of the experiment is labelled so.`,
      absent === undefined ? 'Give each claim an id of its own.' : `Choose among: ${[...labels].join('; ')}.`,
    );
  }
}
