import { exampleDatasetId } from '#shared/domain/dataset.ts';

const maximumIdLength = 64;

/** An id made from a name: `CIFAR-10 (binary)` becomes `cifar-10-binary`. */
export function slugify(name: string): string {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{Mark}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, maximumIdLength)
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'dataset' : slug;
}

/** The first of `id`, `id-2`, `id-3`, … that is free; the example's id is kept for the example. */
export function chooseFreeId(id: string, taken: ReadonlySet<string>): string {
  if (!taken.has(id) && id !== exampleDatasetId) return id;
  for (let number = 2; ; number++) {
    const suffix = `-${number}`;
    const candidate = `${id.slice(0, maximumIdLength - suffix.length)}${suffix}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** The first of `name`, `name (2)`, `name (3)`, … that is free. */
export function chooseFreeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) {
    const candidate = `${name} (${number})`;
    if (!taken.has(candidate)) return candidate;
  }
}
