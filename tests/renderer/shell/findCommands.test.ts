import { expect, it } from 'vitest';
import { findCommands } from '../../../src/renderer/shell/findCommands.ts';

const items = [
  { title: 'Show training loss', group: 'This view' },
  { title: 'Dark theme', group: 'Appearance' },
  { title: 'Loss of momentum', group: 'Experiments', keywords: 'batchNorm' },
];

it('finds every word anywhere, beginnings of titles first', () => {
  expect(findCommands(items, 'loss').map((item) => item.title)).toEqual(['Loss of momentum', 'Show training loss']);
  expect(findCommands(items, 'BATCHNORM mom').map((item) => item.title)).toEqual(['Loss of momentum']);
  expect(findCommands(items, 'nothing')).toEqual([]);
  expect(findCommands(items, ' ')).toEqual(items);
});
