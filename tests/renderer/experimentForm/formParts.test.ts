import { expect, it } from 'vitest';
import { describeFields } from '#shared/domain/fields.ts';
import { formPartOf, formParts, isBelow } from '../../../src/renderer/components/experimentForm/formParts.ts';

it('every field of the run document has its place in the form', () => {
  const homeless = describeFields().filter(({ key }) => formPartOf(key) === 'other');
  expect(homeless.map(({ key }) => key)).toEqual([]);
});

it('keys and beginnings of keys are told apart', () => {
  expect(formPartOf('batchSize')).toBe('training');
  expect(formPartOf('evaluation.batchSize')).toBe('training');
  expect(formPartOf('optimizer.learningRate')).toBe('optimizer');
  expect(formPartOf('somethingNew')).toBe('other');
  expect(isBelow('methodology', formParts.method.prefixes)).toBe(false);
});
