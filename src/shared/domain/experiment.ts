import { z } from 'zod';
import { hashDocument } from '../canonicalJson.ts';
import { LabError } from '../errors.ts';
import { checkClaims, claimSchema } from './claim.ts';
import { applySetting, settingLabel } from './setting.ts';
import { describeProblems } from '../describeProblems.ts';
import { parseRunDocument, type RunDocument } from './run.ts';

const settingValueSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const groupSchema = z.strictObject({
  /** What the group is called in legends, tables and claims: `batchNorm, batchSize 64`. */
  label: z.string().trim().min(1).max(200),
  /** Applied to the base in this order. */
  settings: z.array(z.strictObject({ key: z.string().min(1), value: settingValueSchema })).max(50),
});
export type ExperimentGroup = z.infer<typeof groupSchema>;

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
        values: z.array(settingValueSchema).min(1).max(100),
      }),
    )
    .max(4)
    .default([]),
  /**
   * Groups of runs that set several fields at once, where what is compared is not every combination of
   * what varies; none stands for the base alone. Each is combined with everything that varies.
   */
  groups: z.array(groupSchema).max(100).default([]),
  seeds: z.array(z.int().nonnegative().max(0xffff_ffff)).min(1).max(1000).default([1]),
  /** What the runs are to support or contradict. */
  claims: z.array(claimSchema).max(100).default([]),
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
    ['the labels of the groups', result.data.groups.map((group) => group.label)],
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

/** One of the things that are compared: runs that differ in seed only. */
export interface SettingCombination {
  /** In words; empty where nothing varies. */
  label: string;
  /** A run document; fields with defaults may be absent. */
  document: Record<string, unknown>;
}

/**
 * Every group with every combination of what varies.
 * @throws LabError `invalidDocument` where a path leads nowhere.
 */
export function combineSettings({
  base,
  groups,
  vary,
}: Pick<ExperimentDocument, 'base' | 'groups' | 'vary'>): SettingCombination[] {
  let combinations: { labels: string[]; document: Record<string, unknown> }[] =
    groups.length === 0
      ? [{ labels: [], document: base }]
      : groups.map(({ label, settings }) => ({
          labels: [label],
          document: settings.reduce((document, { key, value }) => applySetting(document, key, value), base),
        }));
  for (const variation of vary) {
    combinations = combinations.flatMap((combination) =>
      variation.values.map((value) => ({
        labels: [...combination.labels, settingLabel(variation.key, value)],
        document: applySetting(combination.document, variation.key, value),
      })),
    );
  }
  return combinations.map(({ labels, document }) => ({ label: labels.join(', '), document }));
}

/**
 * The runs of an experiment: every combination of what varies, times every seed. Runs with the same
 * seed share initialisation and batch order (paired), because both are drawn by seed and layer name.
 * Seeds are the outer loop, so that a comparison is whole for its first seed as early as possible.
 */
export function expandExperiment(experiment: ExperimentDocument): ExpandedRun[] {
  const combinations = combineSettings(experiment);
  const runs = experiment.seeds.flatMap((seed) =>
    combinations.map(({ label, document }) => {
      const run = parseRunDocument({ ...document, seed });
      return { label: label === '' ? run.method.id : label, document: run };
    }),
  );
  checkClaims(experiment.claims, new Set(runs.map((run) => run.label)));
  return runs;
}

/**
 * Identity of what an experiment compares, whatever its name, its seeds and what is claimed of it. It is
 * taken of the document as it was written, before defaults are filled in: a field that comes into being
 * later, with a default that changes nothing, does not make it another experiment.
 */
export function hashComparison({ base, groups, vary }: Pick<ExperimentDocument, 'base' | 'groups' | 'vary'>): string {
  const { seed: _seed, ...written } = base;
  return hashDocument({ base: written, groups, vary });
}
