import { describeFields, type FieldDescription } from '#shared/domain/fields.ts';
import { methodIds } from '#shared/domain/methods/index.ts';

/** A field of the run document that can be set from the command line. */
export interface SettingDescription {
  /** Path with dots, as in `optimizer.learningRate`. */
  key: string;
  /** Type and range in words. */
  type: string;
  default: string;
  help: string;
  /** Where the field belongs to some choices only: `method=batchNorm`, `method=layerNorm | groupNorm`. */
  when: string | null;
}

/** Every key that can be set; one that several choices share alike is named once, with all of them. */
export function describeSettings(): SettingDescription[] {
  const settings = new Map<string, SettingDescription>();
  for (const field of describeFields()) {
    const own = {
      key: field.key,
      type: describeType(field),
      default: describeDefault(field.default, field.key),
      help: field.help,
    };
    const identity = JSON.stringify(own);
    const before = settings.get(identity)?.when;
    const when = field.when === null ? null : `${field.when.key}=${field.when.value}`;
    settings.set(identity, { ...own, when: before && field.when ? `${before} | ${field.when.value}` : when });
  }
  return [...settings.values(), layerMethodSetting];
}

/** The method of one layer is set by its name, and its parameters as those of `method`. */
const layerMethodSetting: SettingDescription = {
  key: 'layerMethods.<layer>',
  type: methodIds.join(' | '),
  default: '',
  help: 'The method of that layer in place of the run’s; its parameters as in layerMethods.conv1.groups=4.',
  when: null,
};

function describeDefault(value: unknown, key: string): string {
  if (value === undefined) return '';
  if (value === null) return key.startsWith('dataset.') ? 'all' : 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join('+');
  if (typeof value !== 'object') return typeof value === 'string' ? value : JSON.stringify(value);
  if ('unit' in value && 'value' in value) return `${String(value.value)}${String(value.unit)}`;
  return JSON.stringify(value);
}

function describeType(field: FieldDescription): string {
  switch (field.kind) {
    case 'duration':
      return 'length, as in 5epochs or 200steps';
    case 'choice':
      return field.options.map(({ value }) => value).join(' | ');
    case 'names':
      return 'all | names joined by +';
    case 'choices':
      return `all | none | ${field.options.map(({ value }) => value).join(', ')}, joined by +`;
    case 'text':
      return field.nullable ? 'string | null' : 'string';
    case 'integers':
    case 'numbers': {
      const bounds = describeBounds(field);
      return `${field.kind} joined by +${bounds === '' ? '' : `, each ${bounds}`}`;
    }
    case 'boolean':
      return 'boolean';
    case 'integer':
    case 'number': {
      return [[field.kind, describeBounds(field)].filter((part) => part !== '').join(' '), field.nullable ? 'null' : '']
        .filter((part) => part !== '')
        .join(' | ');
    }
  }
}

function describeBounds(field: FieldDescription): string {
  return [
    field.minimum === null ? null : `${field.exclusiveMinimum ? '>' : '≥'} ${field.minimum}`,
    field.maximum === null ? null : `${field.exclusiveMaximum ? '<' : '≤'} ${field.maximum}`,
  ]
    .filter((bound) => bound !== null)
    .join(', ');
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
    // A key all of whose letters would change was not meant.
    if (distance < last(key).length && (best === null || distance < best.distance))
      best = { key: candidate.key, distance };
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
