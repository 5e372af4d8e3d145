import { z } from 'zod';
import { claimSchema } from './claim.ts';
import { scales } from './presets.ts';
import { readings } from './figures/figure.ts';
import { runStates } from './runState.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const verdict = z.enum(['supported', 'contradicted', 'inconclusive']);
const finite = z.number();

const partVerdictSchema = z.strictObject({
  ...claimSchema.shape.parts.element.shape,
  count: z.int().nonnegative(),
  mean: finite.nullable(),
  standardDeviation: finite.nullable(),
  confidence: finite,
  interval: z.strictObject({ lower: finite, upper: finite }).nullable(),
  effectSize: finite.nullable(),
  verdict,
  probability: finite.nullable(),
  pairsToDecide: z.int().nullable(),
  adjustedProbability: finite.nullable(),
  adjustedVerdict: verdict,
  reason: z.string().nullable(),
  pairs: z.array(
    z.strictObject({
      seed: z.int(),
      leftRunId: z.string(),
      rightRunId: z.string(),
      left: finite,
      right: finite,
      difference: finite,
    }),
  ),
  leftOut: z.array(
    z.strictObject({
      seed: z.int(),
      problems: z.array(
        z.strictObject({
          label: z.string(),
          runId: z.string().nullable(),
          problem: z.enum(['missing', 'diverged', 'failed', 'unfinished', 'noValue']),
        }),
      ),
    }),
  ),
});

const runSchema = z.strictObject({
  id: z.string(),
  label: z.string(),
  seed: z.int(),
  state: z.enum(runStates),
  documentHash: hash,
  /** Why it diverged, failed or is not at its end. */
  error: z.string().nullable(),
  resumeCount: z.int(),
  /** Of training, without what was lost when it was cut off; null where it has not ended. */
  durationSeconds: finite.nullable(),
  /** Position in `environments`; null where it never trained. */
  environment: z.int().nullable(),
  finalValues: z.record(z.string(), z.strictObject({ value: finite.nullable(), evaluations: z.int() })),
});

/** `verdicts.json`: everything that a verdict on a figure's claims rests on. */
export const verdictFileSchema = z.strictObject({
  format: z.literal('normlab.verdicts'),
  version: z.literal(1),
  figure: z.string(),
  title: z.string(),
  scale: z.enum(scales),
  /** Fields that were set for all runs beside those of the scale. */
  settings: z.array(z.strictObject({ key: z.string(), value: z.unknown() })),
  createdAt: z.iso.datetime(),
  generator: z.strictObject({ name: z.literal('NormLab'), version: z.string(), commit: z.string().nullable() }),
  dataset: z.strictObject({ id: z.string(), name: z.string(), checksum: hash }),
  readings: z.array(
    z.strictObject({
      reading: z.enum(readings),
      experiment: z.strictObject({
        id: z.string(),
        name: z.string(),
        /** Of the document below. */
        documentHash: hash,
        /** As it was written, before defaults are filled in. */
        document: z.record(z.string(), z.unknown()),
      }),
      /** Those that are judged. */
      seeds: z.array(z.int()),
      /** Seeds that the experiment has beside them. */
      otherSeeds: z.array(z.int()),
      runs: z.array(runSchema),
      /** What runs trained with, each kind once. */
      environments: z.array(z.record(z.string(), z.unknown())),
      claims: z.array(
        z.strictObject({
          ...claimSchema.shape,
          verdict,
          adjustedVerdict: verdict,
          parts: z.array(partVerdictSchema),
        }),
      ),
      /** In sentences. */
      statements: z.array(z.string()),
    }),
  ),
});

export type VerdictFile = z.infer<typeof verdictFileSchema>;
export type VerdictReading = VerdictFile['readings'][number];
