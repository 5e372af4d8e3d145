import type { FieldDescription } from '#shared/domain/fields.ts';
import { parseNumberList, type SettingValue } from '#shared/domain/setting.ts';
import { cloneJson } from '#shared/canonicalJson.ts';

/**
 * What is typed and what is meant. A document of the form keeps text that is no value yet as it was
 * typed, so that nothing is lost; it is named as a problem instead.
 */

type Json = Record<string, unknown>;

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path with dots; undefined where there is none. */
export function valueAt(document: Json, path: string): unknown {
  let at: unknown = document;
  for (const part of path.split('.')) at = isRecord(at) ? at[part] : undefined;
  return at;
}

/** A copy with the value at a path set, or left out where it is undefined. */
export function withValueAt(document: Json, path: string, value: unknown): Json {
  const copy = cloneJson(document);
  const parts = path.split('.');
  const last = parts.pop() ?? path;
  let at = copy;
  for (const part of parts) {
    const next = at[part];
    if (isRecord(next)) at = next;
    else at[part] = at = {};
  }
  if (value === undefined) Reflect.deleteProperty(at, last);
  else at[last] = value;
  return copy;
}

/** Reads a decimal number as people write it; null where it is none. */
export function parseNumber(text: string): number | null {
  const trimmed = text
    .trim()
    .replace('−', '-')
    .replace(/[\s\u2009_]/g, '');
  // A single comma between digits is a decimal comma, as many write it.
  const value = Number(/^[+-]?\d+,\d+$/.test(trimmed) ? trimmed.replace(',', '.') : trimmed);
  return trimmed === '' || !Number.isFinite(value) || !/^[+-]?[\d.]/.test(trimmed) ? null : value;
}

/** True for fields that hold several numbers, written with + or commas between. */
export function isNumberList({ kind }: FieldDescription): boolean {
  return kind === 'numbers' || kind === 'integers';
}

/** The value that a text stands for: the text itself where it stands for none, undefined for the default. */
export function parseFieldText(field: FieldDescription, text: string): unknown {
  if (isNumberList(field)) return text.trim() === '' ? undefined : (parseNumberList(text) ?? text);
  if (field.kind === 'names' && text.trim() !== '') {
    return text.trim() === 'all' ? 'all' : text.split(/[\s,;+]+/).filter((name) => name !== '');
  }
  if (field.kind !== 'number' && field.kind !== 'integer') return text.trim() === '' ? undefined : text;
  if (text.trim() === '') return field.nullable ? null : undefined;
  return parseNumber(text) ?? text;
}

/** The text of a value; empty for all and for the default. */
export function fieldText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** What null stands for: everything, or that nothing is set. */
export function nullText(field: FieldDescription): string {
  return field.key.startsWith('dataset.') ? 'all' : 'not set';
}

/** `0.0625 to 4`, `greater than 0, at most 100`, or nothing. */
export function describeRange(field: FieldDescription): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field;
  if (minimum !== null && maximum !== null && !exclusiveMinimum && !exclusiveMaximum) return `${minimum} to ${maximum}`;
  const lower = minimum === null ? null : `${exclusiveMinimum ? 'greater than' : 'at least'} ${minimum}`;
  const upper = maximum === null ? null : `${exclusiveMaximum ? 'less than' : 'at most'} ${maximum}`;
  return [lower, upper].filter((part) => part !== null).join(', ');
}

/** What is wrong with a value, in words; null where nothing is. */
export function findFieldProblem(field: FieldDescription, value: unknown): string | null {
  if (value === undefined || (value === null && field.nullable)) return null;
  if (isNumberList(field)) return findListProblem(field, typeof value === 'string' ? parseNumberList(value) : value);
  const number = field.kind === 'duration' && isRecord(value) ? value['value'] : value;
  if (field.kind === 'number' || field.kind === 'integer' || field.kind === 'duration') {
    if (typeof number !== 'number') {
      return `Write a ${field.kind === 'integer' ? 'whole ' : ''}number${describeRange(field) === '' ? '' : ` ${describeRange(field)}`}.`;
    }
    if (field.kind === 'integer' && !Number.isInteger(number)) return 'Write a whole number.';
    return isInRange(field, number) ? null : `Must be ${describeRange(field)}.`;
  }
  if (field.kind === 'choices') {
    const named = typeof value === 'string' ? value.split('+') : Array.isArray(value) ? value.map(String) : [];
    const wrong = named.find((each) => each !== 'all' && each !== 'none' && !isOption(field, each));
    return wrong === undefined
      ? null
      : `“${wrong}” is none of: ${field.options.map((option) => option.value).join(', ')}.`;
  }
  if (field.kind === 'choice' && !(typeof value === 'string' && isOption(field, value))) {
    return `“${fieldText(value)}” is none of: ${field.options.map((option) => option.title).join(', ')}.`;
  }
  return null;
}

function isOption(field: FieldDescription, value: string): boolean {
  return field.options.some((option) => option.value === value);
}

function findListProblem(field: FieldDescription, value: unknown): string | null {
  const range = describeRange(field);
  if (!Array.isArray(value)) return 'Write numbers with commas or + between, or “none”.';
  const numbers = value.map(Number);
  if (field.kind === 'integers' && !numbers.every(Number.isInteger)) return 'Write whole numbers.';
  return numbers.every((number) => isInRange(field, number)) ? null : `Each must be ${range}.`;
}

function isInRange({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: FieldDescription, value: number): boolean {
  if (minimum !== null && (exclusiveMinimum ? value <= minimum : value < minimum)) return false;
  return !(maximum !== null && (exclusiveMaximum ? value >= maximum : value > maximum));
}

/** Values typed at once, with commas or spaces between; a word stays as it was typed. */
export function parseChips(field: FieldDescription, text: string): SettingValue[] {
  const parts = text.split(field.kind === 'names' || field.kind === 'text' ? /[,;]/ : /[,;\s]+/);
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => parseChip(field, part));
}

function parseChip(field: FieldDescription, text: string): SettingValue {
  if (field.nullable && /^(all|null|not set|none)$/i.test(text)) return null;
  if (field.kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (field.kind === 'number' || field.kind === 'integer') return parseNumber(text) ?? text;
  return text;
}

/** A value that varies, as it is shown. */
export function chipText(field: FieldDescription, value: SettingValue): string {
  if (value === null) return nullText(field);
  if (field.kind === 'boolean') return value === true ? 'yes' : value === false ? 'no' : String(value);
  if (isNumberList(field)) return String(value).replaceAll('+', ', ');
  if (field.kind === 'duration') return String(value).replace(/^([\d.]+)\s*(epochs?|steps?)$/, '$1 $2');
  return field.options.find((option) => option.value === value)?.title ?? String(value);
}

/** What is wrong with a value that varies. */
export function findChipProblem(field: FieldDescription, value: SettingValue): string | null {
  if (field.kind === 'duration') {
    const match = /^\s*([0-9.]+)\s*(epochs?|steps?)\s*$/.exec(String(value));
    return match && isInRange(field, Number(match[1]))
      ? null
      : 'Write a number with its unit, as in 5epochs or 200steps.';
  }
  if (field.kind === 'boolean') return typeof value === 'boolean' ? null : 'Choose yes or no.';
  return findFieldProblem(field, value);
}

/** The value of a field as one that varies: the first chip. */
export function chipOf(field: FieldDescription, value: unknown): SettingValue | undefined {
  const used = value ?? field.default;
  if (field.kind === 'duration' && isRecord(used)) return `${String(used['value'])}${String(used['unit'])}`;
  if (isNumberList(field) && Array.isArray(used)) return used.length === 0 ? 'none' : used.join('+');
  if (field.kind === 'names') return Array.isArray(used) ? used.join('+') : 'all';
  if (field.kind === 'choices') return Array.isArray(used) && used.length > 0 ? used.join('+') : 'none';
  if (used === null) return null;
  return typeof used === 'string' || typeof used === 'number' || typeof used === 'boolean' ? used : undefined;
}
