import { expect, it } from 'vitest';
import { describeImport } from '../../../src/renderer/data/importedRuns.ts';

it('says how many runs came, which were here, and what is missing', () => {
  const run = (outcome: 'added' | 'addedUnderNewId' | 'there') => ({ from: 'a', id: 'b', outcome });
  expect(describeImport({ runs: [run('added')], missingDatasets: [] })).toEqual({ title: '1 run imported.' });
  expect(
    describeImport({ runs: [run('added'), run('addedUnderNewId'), run('there')], missingDatasets: ['cifar-10'] }),
  ).toEqual({
    title: '2 runs imported.',
    detail:
      '1 run was here already. 1 run got a new id: its own is taken here. The data set “cifar-10” is not in this lab: import it to resume its runs.',
  });
});
