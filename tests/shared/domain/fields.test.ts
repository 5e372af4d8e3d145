import { expect, test } from 'vitest';
import { describeFields } from '#shared/domain/fields.ts';
import { methodIds } from '#shared/domain/methods/index.ts';

// Several methods have fields of the same name; the first is kept.
const byKey = new Map(
  describeFields()
    .toReversed()
    .map((field) => [field.key, field]),
);

test('every field has a title of its own and a sentence', () => {
  for (const field of byKey.values()) {
    expect(field.title, field.key).not.toBe(field.key);
    expect(field.help, field.key).toMatch(/[.]$/);
  }
});

test('a number has its bounds, symbol and default', () => {
  expect(byKey.get('optimizer.learningRate')).toEqual({
    key: 'optimizer.learningRate',
    kind: 'number',
    title: 'Learning rate',
    help: 'Initial learning rate at the reference batch size.',
    symbol: 'lr₀',
    unit: null,
    advanced: false,
    options: [],
    hasFields: false,
    nullable: false,
    minimum: 0,
    maximum: 100,
    exclusiveMinimum: true,
    exclusiveMaximum: false,
    default: 0.1,
    when: { key: 'optimizer', value: 'sgd' },
  });
  expect(byKey.get('dataset.trainingImages')).toMatchObject({ kind: 'integer', nullable: true, maximum: null });
});

test('the methods are the options of one field, each with its own parameters', () => {
  expect(byKey.get('method')).toMatchObject({ kind: 'choice', hasFields: true, default: 'batchNorm' });
  expect(byKey.get('method')?.options.map(({ value }) => value)).toEqual(methodIds);
  expect(byKey.get('method.epsilon')).toMatchObject({ advanced: true, when: { key: 'method', value: 'batchNorm' } });
  expect(byKey.get('length')).toMatchObject({ kind: 'duration', default: { unit: 'epochs', value: 5 } });
  expect(byKey.get('normalizedLayers')?.kind).toBe('names');
  expect(byKey.has('seed') || byKey.has('format') || byKey.has('dataset.checksum')).toBe(false);
});

test('a set of choices names each of them; a checksum that the lab fills in is no field', () => {
  const groups = byKey.get('diagnostics.groups');
  expect(groups).toMatchObject({ kind: 'choices', default: [], advanced: true });
  expect(groups?.options[1]).toEqual({ value: 'kernelNorms', title: 'Kernel norms ‖w‖', help: '' });
  expect(byKey.get('initialWeights.file')).toMatchObject({ kind: 'text', nullable: true, default: null });
  expect(byKey.has('initialWeights.sha256')).toBe(false);
});
