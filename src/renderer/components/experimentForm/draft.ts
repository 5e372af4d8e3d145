import { z } from 'zod';
import { cloneJson } from '#shared/canonicalJson.ts';
import type { ExperimentDocumentInput } from '#shared/domain/experiment.ts';
import type { FieldDescription } from '#shared/domain/fields.ts';
import { methodIds, methods } from '#shared/domain/methods/index.ts';
import { findChipProblem, findFieldProblem, isRecord, valueAt, withValueAt } from './fieldValues.ts';
import { formatSeeds, parseSeeds } from './seeds.ts';

const settingValueSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const variationSchema = z.object({
  key: z.string(),
  values: z.array(settingValueSchema),
  /** Typed, but not a value yet. */
  pending: z.string().default(''),
});

const draftSchema = z.object({
  version: z.literal(1),
  /** Empty: the suggested one. */
  name: z.string(),
  /** A run document as far as it differs from the defaults; text that is no value yet stays as typed. */
  base: z.record(z.string(), z.unknown()),
  vary: z.array(variationSchema),
  /** Taken over from the experiment that this one was cloned from; they can be left out, not written. */
  groups: z
    .array(z.object({ label: z.string(), settings: z.array(z.object({ key: z.string(), value: settingValueSchema })) }))
    .default([]),
  /** As typed. */
  seeds: z.string(),
  /** What was typed for choices that are not chosen now, by `method=batchNorm`. */
  shelved: z.record(z.string(), z.unknown()).default({}),
});

/** A new experiment as it is being written: everything that was typed, right or wrong. */
export type Draft = z.infer<typeof draftSchema>;
export type DraftVariation = z.infer<typeof variationSchema>;

export type FieldsByKey = ReadonlyMap<string, FieldDescription>;

/** True for fields that a base has: of a choice's own fields, those of what is chosen. */
export function isFieldOf(
  base: Record<string, unknown>,
  field: FieldDescription,
  all: readonly FieldDescription[],
): boolean {
  if (field.when === null) return true;
  const { key, value } = field.when;
  const chosen = valueAt(base, `${key}.id`) ?? all.find((each) => each.key === key)?.default;
  return chosen === value;
}

/** Fields by their key; where several choices have a field of the same name, that of what is chosen. */
export function indexFields(all: readonly FieldDescription[], base: Record<string, unknown>): FieldsByKey {
  const index = new Map<string, FieldDescription>();
  for (const field of all) if (!index.has(field.key) || isFieldOf(base, field, all)) index.set(field.key, field);
  return index;
}

/** Null where the value is no draft of this version. */
export function readDraft(value: unknown): Draft | null {
  return draftSchema.safeParse(value).data ?? null;
}

/** What a newcomer asks first: a normalized network against one without. */
export function freshDraft(datasetId: string): Draft {
  const normalizing = methodIds.find((id) => methods[id].normalizes);
  const plain = methodIds.find((id) => !methods[id].normalizes);
  const values = [normalizing, plain].filter((id) => id !== undefined);
  return {
    version: 1,
    name: '',
    base: { dataset: { id: datasetId } },
    vary: [{ key: 'method', values, pending: '' }],
    groups: [],
    seeds: '1',
    shelved: {},
  };
}

/** A draft that would make the same experiment again, with a name of its own; values that are the defaults are left out. */
export function clonedDraft(document: ExperimentDocumentInput, fields: FieldsByKey): Draft {
  const base = cloneJson(document.base);
  for (const key of ['seed', 'format', 'version']) Reflect.deleteProperty(base, key);
  if (isRecord(base['dataset'])) delete base['dataset']['checksum'];
  for (const field of fields.values()) {
    if (field.hasFields || field.default === undefined) continue;
    const parts = field.key.split('.');
    const last = parts.pop() ?? '';
    const parent = parts.length === 0 ? base : valueAt(base, parts.join('.'));
    if (isRecord(parent) && JSON.stringify(parent[last]) === JSON.stringify(field.default))
      Reflect.deleteProperty(parent, last);
  }
  return {
    version: 1,
    name: '',
    base,
    vary: (document.vary ?? []).map(({ key, values }) => ({ key, values, pending: '' })),
    groups: cloneJson(document.groups ?? []),
    seeds: formatSeeds(document.seeds ?? [1]),
    shelved: {},
  };
}

export interface VariationPlace {
  index: number;
  values: number[];
}

export interface DraftDocument {
  /** For the lab; may be invalid. */
  document: {
    name: string;
    base: Record<string, unknown>;
    vary: { key: string; values: unknown[] }[];
    groups?: Draft['groups'];
    seeds: number[];
  };
  /** Place in the draft of each variation in the document and of its values: some are left out. */
  places: VariationPlace[];
}

/**
 * The experiment that a draft stands for.
 * @param without Paths in the draft that are left out, so that what is wrong there does not hide the rest.
 */
export function draftDocument(
  draft: Draft,
  name: string,
  fields: FieldsByKey,
  without: ReadonlySet<string> = new Set(),
): DraftDocument {
  let base = cloneJson(draft.base);
  for (const path of without)
    if (path.startsWith('base.')) base = withValueAt(base, path.slice('base.'.length), undefined);
  for (const field of fields.values()) {
    // Where only its fields were touched, a choice is the one that it is by default.
    const chosen = base[field.key];
    if (field.hasFields && isRecord(chosen) && chosen['id'] === undefined)
      base[field.key] = { id: field.default, ...chosen };
  }
  const kept = draft.vary.flatMap(({ key, values }, index) => {
    const right = values.flatMap((value, at) => (without.has(`vary.${index}.values.${at}`) ? [] : [{ value, at }]));
    return right.length > 0 && !without.has(`vary.${index}.key`)
      ? [{ key, values: right.map(({ value }) => value), place: { index, values: right.map(({ at }) => at) } }]
      : [];
  });
  const varied = kept.find(({ key }) => key === 'method')?.values;
  if (varied) {
    // The base is drawn with the first of the methods that normalizes; each run has its own.
    const shown = methodIds.filter((id) => varied.includes(id));
    base['method'] = { id: shown.find((id) => methods[id].normalizes) ?? varied[0] };
  }
  const { seeds } = parseSeeds(draft.seeds);
  return {
    document: {
      name,
      base,
      vary: kept.map(({ key, values }) => ({ key, values })),
      ...(draft.groups.length === 0 ? {} : { groups: draft.groups }),
      seeds: seeds.length > 0 ? seeds : [1],
    },
    places: kept.map(({ place }) => place),
  };
}

/** What the form itself finds wrong, with or without a lab. */
export function findDraftProblems(draft: Draft, fields: FieldsByKey): { path: string; message: string }[] {
  const problems: { path: string; message: string }[] = [];
  const varied = new Set(draft.vary.map(({ key }) => key));
  for (const field of fields.values()) {
    if (varied.has(field.key) || (field.when !== null && varied.has(field.when.key))) continue;
    const value = valueAt(draft.base, field.hasFields ? `${field.key}.id` : field.key);
    const message = findFieldProblem(field, value);
    if (message !== null) problems.push({ path: `base.${field.key}`, message });
  }
  draft.vary.forEach(({ key, values, pending }, index) => {
    const field = fields.get(key);
    if (!field) {
      problems.push({ path: `vary.${index}.key`, message: `There is no field “${key}”.` });
      return;
    }
    if (values.length === 0 && pending.trim() === '') {
      problems.push({ path: `vary.${index}.values`, message: 'Name at least one value.' });
    }
    values.forEach((value, position) => {
      const message = findChipProblem(field, value);
      if (message !== null) problems.push({ path: `vary.${index}.values.${position}`, message });
    });
  });
  const { problem } = parseSeeds(draft.seeds);
  if (problem !== null) problems.push({ path: 'seeds', message: problem });
  return problems;
}

/** Where in the draft a problem of the document belongs: the field, not a part of its value. */
export function fieldPathOf(path: string, places: readonly VariationPlace[], fields: FieldsByKey): string {
  const variation = /^vary\.(\d+)(?:\.values\.(\d+))?(.*)$/.exec(path);
  if (variation) {
    const place = places[Number(variation[1])];
    const value = variation[2] === undefined ? undefined : place?.values[Number(variation[2])];
    return `vary.${place?.index ?? variation[1] ?? ''}${value === undefined ? '' : `.values.${value}`}${variation[3] ?? ''}`;
  }
  if (!path.startsWith('base.')) return path;
  const parts = path.slice('base.'.length).split('.');
  while (parts.length > 1 && !fields.has(parts.join('.'))) parts.pop();
  const key = parts.join('.');
  return `base.${key === 'dataset' ? 'dataset.id' : key}`;
}
