import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { expandExperiment, parseExperimentDocument, type ExperimentDocumentInput } from '#shared/domain/experiment.ts';
import { presetExperiment, scales, type Scale } from '#shared/domain/presets.ts';
import { parseRunDocument } from '#shared/domain/run.ts';
import { applySetting, parseSettingValue, type SettingValue } from '#shared/domain/setting.ts';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { describeSettings, suggestSetting } from './settings.ts';
import { asUsage, UsageError } from './usageError.ts';

export interface ExperimentOptions {
  config?: string;
  preset?: string;
  scale?: string;
  set?: string[];
  vary?: string[];
  seeds?: string;
  name?: string;
}

/** An experiment before the options of the command line are put on it. */
export interface ExperimentDraft {
  name: string;
  base: Record<string, unknown>;
  vary: { key: string; values: SettingValue[] }[];
  seeds: number[];
}

/**
 * The experiment that the options of `train` ask for, valid in itself.
 * @param path Absolute path of `options.config`.
 * @param given What it begins with where that is neither a preset nor a file.
 * @throws UsageError for what was typed, LabError for what is in the file.
 */
export async function experimentFromOptions(
  options: ExperimentOptions,
  path: string | null,
  given: ExperimentDraft | null = null,
): Promise<ExperimentDocumentInput> {
  const draft = given ?? (path === null ? fromPreset(options) : await fromFile(path));
  return asUsage(() => {
    for (const text of options.set ?? []) {
      const [key, value] = splitAssignment(text, '--set', 'batchSize=128');
      if (key.startsWith('seed.')) {
        throw new UsageError(
          'invalidArgument',
          `“${key}” does not exist: seed has no fields of its own.`,
          'Use --seeds.',
        );
      }
      if (key === 'seed') {
        draft.seeds = parseSeeds(value);
        continue;
      }
      draft.base = applySetting(draft.base, key, parseSettingValue(value));
      draft.vary = draft.vary.filter((variation) => variation.key !== key);
    }
    for (const text of options.vary ?? []) {
      const [key, list] = splitAssignment(text, '--vary', 'method=batchNorm,none');
      if (key === 'seed')
        throw new UsageError('invalidArgument', 'Seeds are not varied by --vary.', 'Use --seeds 1,2,3.');
      const values = list.split(',').map((value) => requireScalar(key, parseSettingValue(value.trim())));
      draft.vary = [...draft.vary.filter((variation) => variation.key !== key), { key, values }];
    }
    for (const text of options.set ?? []) requireUse(draft, splitAssignment(text, '--set', 'batchSize=128')[0]);
    if (options.seeds !== undefined) draft.seeds = parseSeeds(options.seeds);
    if (options.name !== undefined) draft.name = options.name;
    const experiment = parseExperimentDocument(draft);
    try {
      expandExperiment(experiment);
    } catch (error) {
      throw withSuggestion(error, [...(options.set ?? []), ...(options.vary ?? [])]);
    }
    return experiment;
  });
}

function fromPreset(options: ExperimentOptions): ExperimentDraft {
  const { preset, scale } = options;
  return asUsage(() => {
    if (preset === undefined) {
      throw new UsageError(
        'invalidArgument',
        'There is nothing to train: neither --preset nor --config is given.',
        'Try `train --preset quickstart`, or `train --config FILE` with a run or experiment document.',
      );
    }
    const known = scales.find((candidate) => candidate === scale);
    if (scale !== undefined && known === undefined) {
      throw new UsageError('invalidArgument', `There is no scale “${scale}”.`, `Choose one of: ${scales.join(', ')}.`);
    }
    return toDraft(presetExperiment(preset, known satisfies Scale | undefined));
  });
}

function toDraft(input: ExperimentDocumentInput): ExperimentDraft {
  const { name, base, vary, seeds } = parseExperimentDocument(input);
  return { name, base, vary, seeds };
}

async function fromFile(path: string): Promise<ExperimentDraft> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new LabError('notFound', `The file ${path} cannot be read.`, 'Check the path after --config.', error);
  }
  let document: unknown;
  try {
    // Some editors begin a file with a byte order mark.
    document = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    throw new LabError('invalidDocument', `${path} is not JSON: ${reason}.`, 'Correct the file.', error);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new LabError(
      'invalidDocument',
      `${path} holds no run or experiment document.`,
      `Write a JSON object; ${labCommand('train --help')} lists its fields.`,
    );
  }
  if ('base' in document || ('format' in document && document.format === 'normlab.experiment')) {
    const experiment = parseExperimentDocument(document);
    expandExperiment(experiment);
    return toDraft(experiment);
  }
  const run = parseRunDocument(document);
  const base = { ...document } as Record<string, unknown>;
  delete base['seed'];
  return { name: basename(path).replace(/\.json$/i, ''), base, vary: [], seeds: [run.seed] };
}

/** Key and value of `key=value`. @throws UsageError where there is no value. */
export function splitAssignment(text: string, option: string, example: string): [key: string, value: string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at).trim(), text.slice(at + 1)];
  throw new UsageError(
    'invalidArgument',
    `“${text}” after ${option} has no value.`,
    `Write key=value, as in ${option} ${example}.`,
  );
}

/** @throws UsageError where a field was set of a choice that none of the runs makes: it would do nothing. */
function requireUse({ base, vary }: ExperimentDraft, key: string): void {
  const [choice = '', field] = key.split('.');
  const variation = vary.find((candidate) => candidate.key === choice);
  const chosen = base[choice];
  if (field === undefined || variation === undefined || typeof chosen !== 'object' || chosen === null) return;
  if (choice === 'dataset' || !('id' in chosen) || variation.values.some((value) => value === chosen.id)) return;
  throw new UsageError(
    'invalidArgument',
    `${key} belongs to ${choice}=${String(chosen.id)}, which is not among the values of ${choice} that vary.`,
    `Set ${choice} to the one that is meant before it, add that to the values, or leave ${key} out.`,
  );
}

function requireScalar(key: string, value: unknown): SettingValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  throw new UsageError(
    'invalidArgument',
    `“${JSON.stringify(value)}” cannot be one of the values of ${key}.`,
    'Name values, numbers, true or false, with commas between them.',
  );
}

/** @throws UsageError where the text is no list of seeds. */
export function parseSeeds(text: string): number[] {
  const seeds = text.split(',').map((part) => Number(part.trim() === '' ? NaN : part));
  if (seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0 && seed <= 0xffff_ffff)) return seeds;
  throw new UsageError(
    'invalidArgument',
    `“${text}” is not a list of seeds.`,
    'Write whole numbers from 0 to 4294967295 with commas between them, as in --seeds 1,2,3.',
  );
}

/** Adds what was probably meant where a key does not exist. */
export function withSuggestion(error: unknown, assignments: readonly string[]): unknown {
  if (!(error instanceof LabError)) return error;
  const settings = describeSettings();
  const known = new Set(settings.map(({ key }) => key));
  for (const assignment of assignments) {
    const key = assignment.split('=')[0]?.trim() ?? '';
    const suggestion = known.has(key) ? null : suggestSetting(key, settings);
    if (suggestion !== null) {
      return new LabError(error.code, error.message, `Did you mean ${suggestion}? ${error.hint}`, error.cause);
    }
  }
  return error;
}
