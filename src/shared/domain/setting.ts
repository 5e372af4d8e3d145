import { cloneJson } from '../canonicalJson.ts';
import { LabError } from '../errors.ts';
import { labCommand } from '../labCommand.ts';
import { defaultChoices } from './defaultChoices.ts';
import { diagnosticGroups } from './diagnostics.ts';
import { describeFields, type FieldKind } from './fields.ts';

export type SettingValue = string | number | boolean | null;

/** Objects that are chosen by name: `method=none` means `method={"id":"none"}`. */
const chosenById = new Set([...Object.keys(defaultChoices), 'dataset']);
/** So is the method of one layer. */
const layerMethod = /^layerMethods\.[^.]+$/;

let kinds: ReadonlyMap<string, FieldKind> | null = null;

/** What kind of value a field has; of fields with the same key one stands for all. */
function kindOf(key: string): FieldKind | undefined {
  return (kinds ??= new Map(describeFields().map((field) => [field.key, field.kind]))).get(key);
}

/** Numbers joined by `+` or `,`, as in `64+128`; `none` is an empty list. Null where the text is something else. */
export function parseNumberList(text: string): number[] | null {
  if (text.trim() === 'none') return [];
  const parts = text.split(/[+,;\s]+/).filter((part) => part !== '');
  const numbers = parts.map(Number);
  return parts.length > 0 && numbers.every(Number.isFinite) ? numbers : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDefaultChoice(key: string): key is keyof typeof defaultChoices {
  return Object.hasOwn(defaultChoices, key);
}

function expandShorthand(key: string, value: unknown, current: unknown): unknown {
  if ((chosenById.has(key) || layerMethod.test(key)) && typeof value === 'string') {
    // A data set's other settings (subset sizes) hold for any data set; a method's own for that method only.
    if (key === 'dataset' && isRecord(current)) return { ...current, id: value, checksum: undefined };
    return isRecord(current) && current['id'] === value ? current : { id: value };
  }
  const kind = kindOf(key);
  if ((kind === 'integers' || kind === 'numbers') && (typeof value === 'string' || typeof value === 'number')) {
    const list = parseNumberList(String(value));
    if (list !== null) return list;
    throw new LabError(
      'invalidDocument',
      `${key} is “${value}”, which is no list of numbers.`,
      'Join numbers by +, as in 64+128, or write none.',
    );
  }
  if (kind === 'duration' && (typeof value === 'string' || typeof value === 'number')) {
    const match = /^\s*([0-9]+(?:\.[0-9]+)?)\s*(epochs?|steps?)\s*$/.exec(String(value));
    if (!match) {
      throw new LabError(
        'invalidDocument',
        `${key} is “${value}”, which is not a length of training.`,
        'Write a number with its unit, as in 5epochs or 200steps.',
      );
    }
    return { unit: match[2]?.startsWith('epoch') ? 'epochs' : 'steps', value: Number(match[1]) };
  }
  if (kind === 'names' && typeof value === 'string' && value !== 'all') return value.split('+');
  if (key === 'diagnostics.groups' && typeof value === 'string') {
    return value === 'all' ? [...diagnosticGroups] : value === 'none' || value === '' ? [] : value.split('+');
  }
  return value;
}

/** Reads a value as the command line writes it: JSON where it is JSON, else text. */
export function parseSettingValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/**
 * A copy of a document with one field set.
 * @param path Field path with dots, as in `optimizer.learningRate`.
 * @throws LabError `invalidDocument` where the path leads through something that has no fields.
 */
export function applySetting(document: Record<string, unknown>, path: string, value: unknown): Record<string, unknown> {
  const parts = path.split('.');
  if (parts.some((part) => part === '' || part === '__proto__' || part === 'constructor')) {
    throw new LabError(
      'invalidDocument',
      `“${path}” is not the path of a field.`,
      'Write field names with dots between them, as in optimizer.learningRate.',
    );
  }
  const result = cloneJson(document);
  let parent: Record<string, unknown> = result;
  for (const [index, part] of parts.slice(0, -1).entries()) {
    const next = parent[part];
    const at = parts.slice(0, index + 1).join('.');
    if (next === undefined && layerMethod.test(at)) {
      throw new LabError(
        'invalidDocument',
        `“${path}” cannot be set: ${at} has no method yet.`,
        `Set ${at} to a method first.`,
      );
    } else if (next === undefined) {
      // A field of a choice that the document leaves open is a field of the default one.
      parent[part] = parent === result && isDefaultChoice(part) ? { id: defaultChoices[part] } : {};
    } else if (typeof next === 'string' && chosenById.has(part)) {
      parent[part] = { id: next };
    } else if (!isRecord(next)) {
      throw new LabError(
        'invalidDocument',
        `“${path}” does not exist: ${part} has no fields of its own.`,
        `Check the path against ${labCommand('train --help')}.`,
      );
    }
    parent = parent[part] as Record<string, unknown>;
  }
  const last = parts.at(-1) ?? path;
  parent[last] = expandShorthand(path, value, parent[last]);
  // The checksum was that of another file.
  if (path === 'initialWeights.file') delete parent['sha256'];
  return result;
}

/** What varies, in words: `batchNorm`, `batchSize 64`, `learningRate 0.1`. */
export function settingLabel(path: string, value: SettingValue): string {
  if (chosenById.has(path)) return String(value);
  const name = path.split('.').at(-1) ?? path;
  return `${name} ${value === null ? 'all' : String(value)}`;
}
