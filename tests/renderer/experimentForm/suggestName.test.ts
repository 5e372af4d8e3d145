import { expect, test } from 'vitest';
import { describeFields } from '#shared/domain/fields.ts';
import type { SettingValue } from '#shared/domain/setting.ts';
import { suggestName } from '../../../src/renderer/components/experimentForm/suggestName.ts';

function name(vary: Record<string, SettingValue[]>, data = 'CIFAR-10'): string {
  const variations = Object.entries(vary).flatMap(([key, values]) => {
    const field = describeFields().find((each) => each.key === key);
    return field ? [{ field, values }] : [];
  });
  return suggestName(variations, 'batchNorm', data);
}

test('the name says what is compared and on which data', () => {
  expect(name({ method: ['batchNorm', 'none'] })).toBe('BN against none on CIFAR-10');
  expect(name({ method: ['batchNorm', 'none'], batchSize: [64, 256] })).toBe(
    'BN against none by batch size on CIFAR-10',
  );
  expect(name({ batchSize: [64, 256] })).toBe('BN, batch size 64, 256, on CIFAR-10');
  expect(name({ batchSize: [64, 256] }, '')).toBe('BN, batch size 64, 256');
  expect(name({})).toBe('BN on CIFAR-10');
  expect(name({ method: ['none'] })).toBe('No normalization on CIFAR-10');
});
