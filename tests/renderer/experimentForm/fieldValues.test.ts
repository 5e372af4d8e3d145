import { expect, test } from 'vitest';
import { describeFields, type FieldDescription } from '#shared/domain/fields.ts';
import {
  chipOf,
  chipText,
  describeRange,
  findChipProblem,
  findFieldProblem,
  parseChips,
  parseFieldText,
  parseNumber,
  valueAt,
  withValueAt,
} from '../../../src/renderer/components/experimentForm/fieldValues.ts';

function field(key: string): FieldDescription {
  const found = describeFields().find((each) => each.key === key);
  if (!found) throw new Error(`no field ${key}`);
  return found;
}

test('numbers are read as people write them, and nothing else is a number', () => {
  const texts = ['0.1', ' 1e-4 ', '12 000', '0,05', '−3', '1.', '', 'abc', '1e', 'Infinity', '0x10'];
  expect(texts.map(parseNumber)).toEqual([0.1, 1e-4, 12_000, 0.05, -3, 1, null, null, null, null, 16]);
});

test('text that is no value stays as it was typed, and empty text means the default or all', () => {
  expect(parseFieldText(field('batchSize'), '64x')).toBe('64x');
  expect(parseFieldText(field('batchSize'), ' ')).toBeUndefined();
  expect(parseFieldText(field('dataset.trainingImages'), '')).toBeNull();
  expect(parseFieldText(field('dataset.trainingImages'), '500')).toBe(500);
});

test('what is wrong with a value is said with the range that holds', () => {
  expect(describeRange(field('optimizer.learningRate'))).toBe('greater than 0, at most 100');
  expect(describeRange(field('architecture.widthMultiplier'))).toBe('0.0625 to 4');
  expect(findFieldProblem(field('optimizer.learningRate'), 0)).toBe('Must be greater than 0, at most 100.');
  expect(findFieldProblem(field('optimizer.learningRate'), 'abc')).toBe('Write a number greater than 0, at most 100.');
  expect(findFieldProblem(field('batchSize'), 1.5)).toBe('Write a whole number.');
  expect(findFieldProblem(field('length'), { unit: 'epochs', value: 'x' })).toBe(
    'Write a number greater than 0, at most 100000000.',
  );
  expect(findFieldProblem(field('optimizer.learningRate'), undefined)).toBeNull();
  expect(findFieldProblem(field('dataset.trainingImages'), null)).toBeNull();
  expect(findFieldProblem(field('schedule'), 'linear')).toMatch(
    /^“linear” is none of: Constant, Decay at each step, .*\.$/,
  );
});

test('values that vary are typed with commas or spaces between', () => {
  expect(parseChips(field('batchSize'), '32, 64;128 x')).toEqual([32, 64, 128, 'x']);
  expect(parseChips(field('dataset.trainingImages'), 'all, 500')).toEqual([null, 500]);
  expect(parseChips(field('length'), '5epochs, 200steps')).toEqual(['5epochs', '200steps']);
  expect(findChipProblem(field('length'), '5')).toBe('Write a number with its unit, as in 5epochs or 200steps.');
  expect(findChipProblem(field('length'), '5epochs')).toBeNull();
  expect(findChipProblem(field('batchSize'), 'x')).toBe('Write a whole number greater than 0, at most 65536.');
});

test('lists of numbers are typed with commas or + between', () => {
  const widths = field('architecture.widths');
  expect(parseFieldText(widths, '16, 32+64')).toEqual([16, 32, 64]);
  expect(parseFieldText(widths, '16, x')).toBe('16, x');
  expect(parseFieldText(widths, '')).toBeUndefined();
  expect(parseFieldText(field('architecture.hiddenSizes'), 'none')).toEqual([]);
  expect(findFieldProblem(widths, [16, 32])).toBeNull();
  expect(findFieldProblem(widths, '16, x')).toBe('Write numbers with commas or + between, or “none”.');
  expect(findFieldProblem(widths, [16, 0])).toBe('Each must be 1 to 4096.');
  expect(findFieldProblem(widths, [1.5])).toBe('Write whole numbers.');
  expect(parseChips(widths, '16+32, 64')).toEqual(['16+32', '64']);
  expect(findChipProblem(widths, '16+32')).toBeNull();
  expect(chipOf(widths, undefined)).toBe('32+32+64+64');
  expect(chipText(widths, '16+32')).toBe('16, 32');
  expect(findChipProblem(field('warmUp'), '0epochs')).toBeNull();
});

test('a field that begins to vary begins with its value', () => {
  expect(chipOf(field('batchSize'), 32)).toBe(32);
  expect(chipOf(field('batchSize'), undefined)).toBe(64);
  expect(chipOf(field('length'), { unit: 'steps', value: 200 })).toBe('200steps');
  expect(chipOf(field('normalizedLayers'), ['conv1', 'conv2'])).toBe('conv1+conv2');
  expect(chipText(field('length'), '5epochs')).toBe('5 epochs');
  expect(chipText(field('method'), 'batchNorm')).toBe('Batch normalization');
});

test('paths lead into a copy', () => {
  const document = { optimizer: { id: 'sgd' } };
  const changed = withValueAt(document, 'optimizer.learningRate', 0.2);
  expect(changed).toEqual({ optimizer: { id: 'sgd', learningRate: 0.2 } });
  expect(document).toEqual({ optimizer: { id: 'sgd' } });
  expect(withValueAt(changed, 'optimizer.learningRate', undefined)).toEqual(document);
  expect(valueAt(changed, 'optimizer.learningRate')).toBe(0.2);
  expect(valueAt(changed, 'optimizer.learningRate.x')).toBeUndefined();
});
