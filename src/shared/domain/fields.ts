import { z } from 'zod';
import { architectures } from './architectures/index.ts';
import { methods } from './methods/index.ts';
import { runDocumentSchema } from './run.ts';

export type FieldKind =
  'number' | 'integer' | 'numbers' | 'integers' | 'boolean' | 'choice' | 'choices' | 'duration' | 'names' | 'text';

export interface FieldOption {
  value: string;
  title: string;
  /** One sentence, where there is one. */
  help: string;
}

/** A field of the run document that can be set: form, command line and documentation are made from it. */
export interface FieldDescription {
  /** Path with dots, as in `optimizer.learningRate`. */
  key: string;
  kind: FieldKind;
  title: string;
  help: string;
  symbol: string | null;
  unit: string | null;
  /** Stays folded until asked for. */
  advanced: boolean;
  /** Values of a choice, or of choices of which any number may be made, in the order in which they are offered. */
  options: FieldOption[];
  /** True where the choice is an object with an `id` and fields of its own. */
  hasFields: boolean;
  /** True where null is a value: all of something. */
  nullable: boolean;
  /** Bounds of the number, of each number of a list, or of a duration's value. */
  minimum: number | null;
  maximum: number | null;
  /** True where the bound itself is not allowed. */
  exclusiveMinimum: boolean;
  exclusiveMaximum: boolean;
  /** Absent where a value must be given. */
  default?: unknown;
  /** Where the field belongs to one choice only. */
  when: { key: string; value: string } | null;
}

interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  title?: string;
  help?: string;
  symbol?: string;
  unit?: string;
  advanced?: boolean;
  choices?: Record<string, string>;
}

/** Set by NormLab itself, by the experiment, or where the network is drawn. */
const hidden = new Set(['format', 'version', 'seed', 'dataset.checksum', 'layerMethods', 'initialWeights.sha256']);

/** What options of a choice say about themselves where their schema does not. */
const described: Readonly<Record<string, Readonly<Record<string, { name: string; help: string }>>>> = {
  method: methods,
  architecture: architectures,
};

let cached: readonly FieldDescription[] | null = null;

/** Every field that can be set, in document order, read from the run document's schema: the one place that says so. */
export function describeFields(): readonly FieldDescription[] {
  return (cached ??= describeProperties(z.toJSONSchema(runDocumentSchema, { io: 'input' }) as JsonSchema, '', null));
}

function describeProperties(schema: JsonSchema, prefix: string, when: FieldDescription['when']): FieldDescription[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const key = `${prefix}${name}`;
    if (hidden.has(key) || (name === 'id' && prefix !== 'dataset.')) return [];
    if (isDuration(field))
      return [describeField(key, field, when, { kind: 'duration', ...boundsOf(field.properties?.['value']) })];
    const choices = field.oneOf ?? (field.properties?.['id']?.const === undefined ? undefined : [field]);
    if (choices !== undefined) {
      const options = choices.map((choice): FieldOption => {
        const value = String(choice.properties?.['id']?.const);
        const known = described[key]?.[value];
        const own = field.oneOf === undefined ? {} : choice;
        return {
          value,
          title: field.choices?.[value] ?? known?.name ?? own.title ?? value,
          help: known?.help ?? own.help ?? '',
        };
      });
      return [
        describeField(key, field, when, { kind: 'choice', options, hasFields: true, default: idOf(field.default) }),
        ...choices.flatMap((choice, index) =>
          describeProperties(
            choice,
            `${key}.`,
            choices.length > 1 ? { key, value: options[index]?.value ?? '' } : when,
          ),
        ),
      ];
    }
    if (field.properties !== undefined) return describeProperties(field, `${key}.`, when);
    return [describeField(key, field, when, kindOf(field))];
  });
}

function describeField(
  key: string,
  field: JsonSchema,
  when: FieldDescription['when'],
  own: Partial<FieldDescription>,
): FieldDescription {
  return {
    key,
    kind: 'text',
    title: field.title ?? key,
    help: field.help ?? '',
    symbol: field.symbol ?? null,
    unit: field.unit ?? null,
    advanced: field.advanced ?? false,
    options: [],
    hasFields: false,
    nullable: false,
    ...boundsOf(field),
    ...(field.default === undefined ? {} : { default: field.default }),
    when,
    ...own,
  };
}

function isDuration({ properties }: JsonSchema): boolean {
  return properties?.['unit'] !== undefined && properties['value'] !== undefined;
}

function idOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'id' in value ? value.id : value;
}

function kindOf(field: JsonSchema): Partial<FieldDescription> {
  const optionsOf = (values: unknown[]): FieldOption[] =>
    values.map(String).map((value) => ({ value, title: field.choices?.[value] ?? value, help: '' }));
  const values = field.enum ?? (field.const === undefined ? undefined : [field.const]);
  if (values !== undefined) return { kind: 'choice', options: optionsOf(values) };
  if (field.items?.enum !== undefined) return { kind: 'choices', options: optionsOf(field.items.enum) };
  const members = field.anyOf ?? [];
  if (members.some(({ type }) => type === 'array')) return { kind: 'names' };
  const value = members.find(({ type }) => type !== 'null');
  if (value !== undefined) {
    return { ...kindOf(value), ...boundsOf(value), nullable: members.some(({ type }) => type === 'null') };
  }
  const { items } = field;
  if (items?.type === 'integer') return { kind: 'integers', ...boundsOf(items) };
  if (items?.type === 'number') return { kind: 'numbers', ...boundsOf(items) };
  if (field.type === 'integer' || field.type === 'number' || field.type === 'boolean') return { kind: field.type };
  return { kind: field.type === 'array' ? 'names' : 'text' };
}

type Bounds = Pick<FieldDescription, 'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum'>;

function boundsOf(field: JsonSchema = {}): Bounds {
  const maximum = field.maximum ?? field.exclusiveMaximum ?? null;
  return {
    minimum: field.minimum ?? field.exclusiveMinimum ?? null,
    maximum: maximum === Number.MAX_SAFE_INTEGER ? null : maximum,
    exclusiveMinimum: field.exclusiveMinimum !== undefined,
    exclusiveMaximum: field.exclusiveMaximum !== undefined,
  };
}
