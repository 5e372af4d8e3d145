import { z } from 'zod';
import { LabError } from '../errors.ts';
import { applySetting, settingLabel } from './setting.ts';
import { describeProblems, parseRunDocument, type RunDocument } from './run.ts';

/** One base run, what varies, and the seeds; a single run is an experiment of one. */
export const experimentDocumentSchema = z.strictObject({
  format: z.literal('normlab.experiment').default('normlab.experiment'),
  version: z.literal(1).default(1),
  name: z.string().trim().min(1).max(200),
  /** A run document; fields with defaults may be absent, its seed is overruled by `seeds`. */
  base: z.record(z.string(), z.unknown()),
  vary: z
    .array(
      z.strictObject({
        /** Path of a field in the run document, as in `batchSize` or `optimizer.learningRate`. */
        key: z.string().min(1),
        values: z
          .array(z.union([z.string(), z.number(), z.boolean(), z.null()]))
          .min(1)
          .max(100),
      }),
    )
    .max(4)
    .default([]),
  seeds: z.array(z.int().nonnegative().max(0xffff_ffff)).min(1).max(1000).default([1]),
});

export type ExperimentDocument = z.infer<typeof experimentDocumentSchema>;
export type ExperimentDocumentInput = z.input<typeof experimentDocumentSchema>;

export interface ExpandedRun {
  /** What varies, in words: `batchNorm, batchSize 64`. Equal for runs that differ in seed only. */
  label: string;
  document: RunDocument;
}

/** @throws LabError `invalidDocument` naming every field that is wrong. */
export function parseExperimentDocument(input: unknown): ExperimentDocument {
  const result = experimentDocumentSchema.safeParse(input);
  if (!result.success) {
    throw new LabError(
      'invalidDocument',
      `The experiment is not valid: ${describeProblems(result.error)}.`,
      'Correct the fields named.',
    );
  }
  for (const [name, list] of [
    ['seeds', result.data.seeds],
    ...result.data.vary.map((variation) => [`the values of ${variation.key}`, variation.values] as const),
    ['the keys that vary', result.data.vary.map((variation) => variation.key)],
  ] as const) {
    if (new Set<unknown>(list).size !== list.length) {
      throw new LabError(
        'invalidDocument',
        `The experiment is not valid: ${name} name something twice.`,
        'Name each value once.',
      );
    }
  }
  return result.data;
}

/**
 * The runs of an experiment: every combination of what varies, times every seed. Runs with the same
 * seed share initialisation and batch order (paired), because both are drawn by seed and layer name.
 * Seeds are the outer loop, so that a comparison is whole for its first seed as early as possible.
 */
export function expandExperiment(experiment: ExperimentDocument): ExpandedRun[] {
  let combinations: { labels: string[]; document: Record<string, unknown> }[] = [
    { labels: [], document: experiment.base },
  ];
  for (const variation of experiment.vary) {
    combinations = combinations.flatMap((combination) =>
      variation.values.map((value) => ({
        labels: [...combination.labels, settingLabel(variation.key, value)],
        document: applySetting(combination.document, variation.key, value),
      })),
    );
  }
  return experiment.seeds.flatMap((seed) =>
    combinations.map(({ labels, document }) => {
      const run = parseRunDocument({ ...document, seed });
      return { label: labels.length > 0 ? labels.join(', ') : run.method.id, document: run };
    }),
  );
}
