import type { z } from 'zod';
import type { ExperimentPreview } from '#shared/contract.ts';
import { architectureLayers, datasetOfRun } from '#shared/domain/architectures/index.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { combineSettings, experimentDocumentSchema, type ExperimentGroup } from '#shared/domain/experiment.ts';
import { findPlacementProblems } from '#shared/domain/placement.ts';
import { methodsOf, runDocumentSchema, type RunDocument } from '#shared/domain/run.ts';
import { applySetting, type SettingValue } from '#shared/domain/setting.ts';
import { LabError, toLabErrorData } from '#shared/errors.ts';
import { checkRunAgainstDataset } from '../runs/experimentService.ts';

/** More runs than this are a mistake rather than an experiment. */
export const maximumRuns = 2000;

type Problem = ExperimentPreview['problems'][number];

/** A run of every seed: seeds change nothing that can be wrong. */
export interface Combination {
  label: string;
  document: RunDocument;
}

export interface ExpandedExperiment {
  /** The base run by itself; null where its document is not valid. */
  base: RunDocument | null;
  /** Empty where a problem (but of the name) leaves it open which there are. */
  combinations: Combination[];
  seeds: number[];
  problems: Problem[];
}

interface Variation {
  key: string;
  values: SettingValue[];
}

interface RawExperiment {
  base: Record<string, unknown>;
  vary: Variation[];
  groups: ExperimentGroup[];
  seeds: number[];
}

/** Runs of a document that may be invalid, without making them; 0 where that cannot be told. */
export function countRuns(document: unknown): number {
  const parsed = experimentDocumentSchema.safeParse(document);
  if (!parsed.success) return 0;
  return countCombinations(parsed.data) * parsed.data.seeds.length;
}

function countCombinations({ vary, groups }: Pick<RawExperiment, 'vary' | 'groups'>): number {
  return vary.reduce((product, { values }) => product * values.length, Math.max(1, groups.length));
}

/**
 * The runs of an experiment, and everything that is wrong with it at once: first with the document's
 * form, then with the base run, with each value by itself, and with the runs on their data.
 */
export function expandCombinations(document: unknown, datasets: readonly DatasetDocument[]): ExpandedExperiment {
  const problems = new ProblemList();
  const experiment = readForm(document, problems);
  const base = checkBase(experiment, problems);
  checkValues(experiment, problems);
  const total = countCombinations(experiment) * experiment.seeds.length;
  if (total > maximumRuns) {
    problems.add('vary', `This would make ${total} runs; at most ${maximumRuns} are possible.`);
  }
  const combinations = problems.allowsRuns ? combine(experiment, problems) : [];
  const checked = problems.allowsRuns ? combinations.map(({ document: run }) => run) : base === null ? [] : [base];
  for (const run of checked) {
    checkRun(run, datasets, (path, message) => problems.add(pathOf(experiment, path), message));
  }
  const { allowsRuns, list } = problems;
  return { base, combinations: allowsRuns ? combinations : [], seeds: experiment.seeds, problems: list };
}

class ProblemList {
  readonly #problems = new Map<string, Problem>();

  add(path: string, message: string): void {
    this.#problems.set(`${path} ${message}`, { path, message });
  }

  addIssues(prefix: string, issues: readonly z.core.$ZodIssue[]): void {
    for (const issue of issues)
      this.add([prefix, ...issue.path].filter((part) => part !== '').join('.'), issue.message);
  }

  /** True where nothing is wrong but the name, which changes nothing about the runs. */
  get allowsRuns(): boolean {
    return [...this.#problems.values()].every(({ path }) => path === 'name');
  }

  get list(): Problem[] {
    return [...this.#problems.values()];
  }
}

/** What can be used of the document, however wrong the rest is. */
function readForm(document: unknown, problems: ProblemList): RawExperiment {
  const parsed = experimentDocumentSchema.safeParse(document);
  if (!parsed.success) problems.addIssues('', parsed.error.issues);
  const parts = isRecord(document) ? document : {};
  const { shape } = experimentDocumentSchema;
  const base = isRecord(parts['base']) ? parts['base'] : {};
  const vary = shape.vary.safeParse(parts['vary']).data ?? [];
  const groups = shape.groups.safeParse(parts['groups']).data ?? [];
  const seeds = shape.seeds.safeParse(parts['seeds']).data ?? [];
  if (new Set(seeds).size !== seeds.length) problems.add('seeds', 'A seed is named twice.');
  if (new Set(vary.map(({ key }) => key)).size !== vary.length) problems.add('vary', 'A field varies twice.');
  if (new Set(groups.map(({ label }) => label)).size !== groups.length) {
    problems.add('groups', 'Two groups have the same name.');
  }
  vary.forEach(({ values }, index) => {
    if (new Set(values).size !== values.length) problems.add(`vary.${index}.values`, 'A value is named twice.');
  });
  return { base, vary, groups, seeds };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Fields that vary, or that every group sets, need not be valid in the base. */
function checkBase({ base, vary, groups }: RawExperiment, problems: ProblemList): RunDocument | null {
  const parsed = runDocumentSchema.safeParse(base);
  if (parsed.success) return parsed.data;
  const [first, ...others] = groups.map(({ settings }) => settings.map(({ key }) => key));
  const ofGroups = (first ?? []).filter((key) => others.every((keys) => keys.includes(key)));
  const replaced = [...vary.map(({ key }) => key), ...ofGroups];
  const issues = parsed.error.issues.filter(
    ({ path }) => !replaced.some((key) => path.join('.') === key || path.join('.').startsWith(`${key}.`)),
  );
  problems.addIssues('base', issues);
  return null;
}

function checkValues({ base, vary }: RawExperiment, problems: ProblemList): void {
  const ofBase = new Set((runDocumentSchema.safeParse(base).error?.issues ?? []).map(issueText));
  vary.forEach(({ key, values }, position) => {
    values.forEach((value, index) => {
      try {
        const parsed = runDocumentSchema.safeParse(applySetting(base, key, value));
        for (const issue of parsed.error?.issues ?? []) {
          if (ofBase.has(issueText(issue))) continue;
          problems.add(`vary.${position}.values.${index}`, `${issue.path.join('.') || key}: ${issue.message}`);
        }
      } catch (error) {
        problems.add(`vary.${position}.key`, toLabErrorData(error).message);
      }
    });
  });
}

function issueText({ path, message }: z.core.$ZodIssue): string {
  return `${path.join('.')} ${message}`;
}

function combine(experiment: RawExperiment, problems: ProblemList): Combination[] {
  const path = experiment.groups.length === 0 ? 'vary' : 'groups';
  try {
    return combineSettings(experiment).flatMap(({ label, document }) => {
      const parsed = runDocumentSchema.safeParse(document);
      if (!parsed.success) {
        for (const issue of parsed.error.issues) problems.add(path, `${label}: ${issueText(issue)}`);
        return [];
      }
      return [{ label: label === '' ? parsed.data.method.id : label, document: parsed.data }];
    });
  } catch (error) {
    problems.add(path, toLabErrorData(error).message);
    return [];
  }
}

/** Where a field of a run comes from in the experiment document. */
function pathOf({ vary, groups }: RawExperiment, path: string): string {
  const sets = ({ key }: { key: string }): boolean => path === key || path.startsWith(`${key}.`);
  const position = vary.findIndex(sets);
  if (position >= 0) return `vary.${position}.values`;
  return groups.some(({ settings }) => settings.some(sets)) ? 'groups' : `base.${path}`;
}

function checkRun(
  run: RunDocument,
  datasets: readonly DatasetDocument[],
  report: (path: string, message: string) => void,
): void {
  const ofBatches = methodsOf(run).find(({ needsBatch }) => needsBatch);
  if (ofBatches && run.batchSize < 2) report('batchSize', `${ofBatches.name} needs at least two images in a batch.`);
  const dataset = datasetOfRun(run, datasets);
  if (!dataset) {
    report('dataset.id', `There is no data set “${run.dataset.id}” in this lab.`);
    return;
  }
  const before = { count: 0 };
  const found = (path: string, message: string): void => {
    before.count += 1;
    report(path, message);
  };
  const { trainingImages, validationImages } = run.dataset;
  if (trainingImages !== null && trainingImages > dataset.training.count) {
    found('dataset.trainingImages', `The data set has only ${dataset.training.count} training images.`);
  }
  if (validationImages !== null && validationImages > dataset.validation.count) {
    found('dataset.validationImages', `The data set has only ${dataset.validation.count} validation images.`);
  }
  const images = Math.min(trainingImages ?? dataset.training.count, dataset.training.count);
  if (run.batchSize > images) found('batchSize', `The batch is larger than the ${images} training images.`);
  checkArchitecture(run, dataset, images, found);
  if (before.count > 0) return;
  // The rule that decides when the experiment is created has the last word.
  try {
    checkRunAgainstDataset(run, dataset);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    report('dataset', error.message);
  }
}

function checkArchitecture(
  run: RunDocument,
  { image, classNames }: DatasetDocument,
  trainingImages: number,
  report: (path: string, message: string) => void,
): void {
  try {
    const layers = architectureLayers(run.architecture, [image.height, image.width, image.channels], classNames.length);
    for (const { path, message, hint } of findPlacementProblems(run, layers, trainingImages)) {
      report(path, `${message} ${hint}`);
    }
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    report('architecture', error.message);
  }
}
