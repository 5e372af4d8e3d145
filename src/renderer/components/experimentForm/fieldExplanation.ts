import type { FieldDescription } from '#shared/domain/fields.ts';
import type { Explanation } from './explanation.ts';
import { chipOf, chipText, describeRange } from './fieldValues.ts';

/** What a field says about itself; of a choice, what its value says. */
export function explainField(field: FieldDescription, value: unknown): Explanation {
  const option = field.options.find((candidate) => candidate.value === (value ?? field.default));
  const standard = field.default === undefined ? undefined : chipOf(field, field.default);
  const range = field.kind === 'duration' ? '' : describeRange(field);
  const facts = [
    range,
    standard === undefined || field.options.length === 1 ? '' : `default ${chipText(field, standard)}`,
  ].filter((part) => part !== '');
  return {
    title: field.title,
    symbol: field.symbol,
    text: option !== undefined && option.help !== '' ? `${option.title}: ${option.help}` : field.help,
    facts: capitalize(facts.join(' · ')),
  };
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
