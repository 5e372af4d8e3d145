import { methodLook } from '#shared/charts/comparedLabels.ts';
import type { FieldDescription } from '#shared/domain/fields.ts';
import type { SettingValue } from '#shared/domain/setting.ts';
import { chipText } from './fieldValues.ts';

export interface NamedVariation {
  field: FieldDescription;
  values: readonly SettingValue[];
}

/** `BN against none on CIFAR-10`, `BN by batch size on CIFAR-10`: what is compared, on which data. */
export function suggestName(variations: readonly NamedVariation[], methodId: string, datasetName: string): string {
  const method = variations.find(({ field }) => field.key === 'method');
  const others = variations.filter(({ field }) => field.key !== 'method' && field.key !== 'dataset.id');
  const subject = joinNames((method?.values ?? [methodId]).map((id) => methodLook(String(id)).symbol));
  const single = others.length === 1 ? others[0] : undefined;
  const by =
    single && !method && single.values.length > 0 && single.values.length <= 4
      ? `, ${lower(single.field.title)} ${single.values.map((value) => chipText(single.field, value)).join(', ')},`
      : others.length > 0
        ? ` by ${others.map(({ field }) => lower(field.title)).join(' and ')}`
        : '';
  const data = variations.find(({ field }) => field.key === 'dataset.id');
  const where = data ? ` on ${data.values.length} data sets` : datasetName === '' ? '' : ` on ${datasetName}`;
  return `${capitalize(subject)}${by}${where === '' ? '' : where}`.replace(/,$/, '').slice(0, 200);
}

function joinNames(names: readonly string[]): string {
  if (names.length === 2) return names.join(' against ');
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

function lower(title: string): string {
  return title.charAt(0).toLowerCase() + title.slice(1);
}

function capitalize(text: string): string {
  return text === 'none' ? 'No normalization' : text;
}
