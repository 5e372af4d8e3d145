/**
 * The parts of the form, each with the fields that it shows: keys, or beginnings of keys that end with a
 * dot. A field of none of them stands in the last part, so that nothing that can be set is missing.
 */
export const formParts = {
  data: { title: 'Data', prefixes: ['dataset.'] },
  network: { title: 'Network', prefixes: ['architecture', 'architecture.', 'normalizedLayers', 'initialWeights.'] },
  method: { title: 'Method', prefixes: ['method', 'method.', 'dropout.'] },
  training: { title: 'Training', prefixes: ['batchSize', 'length', 'evaluation.', 'checkpoints.'] },
  optimizer: {
    title: 'Optimizer and schedule',
    prefixes: ['optimizer', 'optimizer.', 'schedule', 'schedule.', 'warmUp'],
  },
  augmentation: { title: 'Augmentation', prefixes: ['augmentation.'] },
  diagnostics: { title: 'Diagnostics', prefixes: ['diagnostics.'] },
  execution: { title: 'Execution', prefixes: ['execution.'] },
  other: { title: 'More', prefixes: [] },
} as const satisfies Readonly<Record<string, { title: string; prefixes: readonly string[] }>>;

export type FormPart = keyof typeof formParts;

/** Whether a key is among keys and beginnings of keys. */
export function isBelow(key: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => key === prefix || (prefix.endsWith('.') && key.startsWith(prefix)));
}

/** The part of the form in which a field stands. */
export function formPartOf(key: string): FormPart {
  const parts = Object.keys(formParts) as FormPart[];
  return parts.find((part) => isBelow(key, formParts[part].prefixes)) ?? 'other';
}
