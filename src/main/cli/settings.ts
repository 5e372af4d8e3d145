import { z } from 'zod';
import { runDocumentSchema } from '#shared/domain/run.ts';

/** A field of the run document that can be set from the command line. */
export interface SettingDescription {
  /** Path with dots, as in `optimizer.learningRate`. */
  key: string;
  /** Type and range in words. */
  type: string;
  default: string;
  help: string;
  /** Where the field belongs to one choice only: `method=batchNorm`. */
  when: string | null;
}

interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  title?: string;
  help?: string;
  unit?: string;
}

/** Set by NormLab itself. */
const hidden = new Set(['format', 'version', 'seed', 'dataset.checksum']);
const durationKeys = new Set(['length', 'evaluation.every', 'checkpoints.every']);

/** Every key that can be set, read from the run document's schema: the one place that says so. */
export function describeSettings(): SettingDescription[] {
  const schema = z.toJSONSchema(runDocumentSchema, { io: 'input' }) as JsonSchema;
  return describeFields(schema, '', null);
}

function describeFields(schema: JsonSchema, prefix: string, when: string | null): SettingDescription[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const key = `${prefix}${name}`;
    if (hidden.has(key) || (name === 'id' && prefix !== 'dataset.')) return [];
    const base = { key, when, default: describeDefault(field.default), help: field.help ?? field.title ?? '' };
    if (durationKeys.has(key)) return [{ ...base, type: 'length, as in 5epochs or 200steps' }];
    const choices = field.oneOf ?? (field.properties?.['id']?.const === undefined ? undefined : [field]);
    if (choices !== undefined) {
      const ids = choices.map((choice) => String(choice.properties?.['id']?.const));
      return [
        { ...base, type: ids.join(' | ') },
        ...choices.flatMap((choice, index) =>
          describeFields(choice, `${key}.`, choices.length > 1 ? `${key}=${ids[index]}` : when),
        ),
      ];
    }
    if (field.properties !== undefined) return describeFields(field, `${key}.`, when);
    return [{ ...base, type: describeType(field) }];
  });
}

function describeDefault(value: unknown): string {
  if (value === undefined) return '';
  if (value === null) return 'all';
  if (typeof value !== 'object') return String(value);
  if ('id' in value) return String(value.id);
  if ('unit' in value && 'value' in value) return `${String(value.value)}${String(value.unit)}`;
  return JSON.stringify(value);
}

function describeType(field: JsonSchema): string {
  if (field.const !== undefined) return String(field.const);
  if (field.enum !== undefined) return field.enum.map(String).join(' | ');
  if (field.anyOf !== undefined) return field.anyOf.map(describeType).join(' | ');
  if (field.type === 'array') return 'names joined by +';
  if (field.type !== 'integer' && field.type !== 'number') return field.type ?? 'text';
  const bounds = [
    field.minimum === undefined ? null : `≥ ${field.minimum}`,
    field.exclusiveMinimum === undefined ? null : `> ${field.exclusiveMinimum}`,
    field.maximum === undefined || field.maximum === Number.MAX_SAFE_INTEGER ? null : `≤ ${field.maximum}`,
    field.exclusiveMaximum === undefined ? null : `< ${field.exclusiveMaximum}`,
  ].filter((bound) => bound !== null);
  return [field.type, bounds.join(', ')].filter((part) => part !== '').join(' ');
}

/** The keys as a block for `--help`. */
export function formatSettings(settings: readonly SettingDescription[]): string {
  const width = Math.max(...settings.map(({ key }) => key.length));
  return settings
    .map(({ key, type, default: value, help, when }) => {
      const facts = [type, value === '' ? '' : `default ${value}`, when === null ? '' : `with ${when}`];
      const line = `  ${key.padEnd(width)}  ${facts.filter((fact) => fact !== '').join('; ')}`;
      return help === '' ? line : `${line}\n  ${' '.repeat(width)}  ${help}`;
    })
    .join('\n');
}

/** The key that was probably meant, or null. */
export function suggestSetting(key: string, settings: readonly SettingDescription[]): string | null {
  const lower = key.toLowerCase();
  const last = (text: string): string => text.toLowerCase().split('.').at(-1) ?? '';
  let best: { key: string; distance: number } | null = null;
  for (const candidate of settings) {
    // `learningRate` for `optimizer.learningRate` is the usual slip.
    const distance = Math.min(
      editDistance(lower, candidate.key.toLowerCase()),
      editDistance(last(lower), last(candidate.key)) + (last(lower) === last(candidate.key) ? 0 : 1),
    );
    if (best === null || distance < best.distance) best = { key: candidate.key, distance };
  }
  return best !== null && best.distance <= Math.max(2, Math.floor(key.length / 4)) ? best.key : null;
}

/** Levenshtein distance. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let at = 1; at <= left.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= right.length; to += 1) {
      const substitution = (row[to - 1] ?? 0) + (left[at - 1] === right[to - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
