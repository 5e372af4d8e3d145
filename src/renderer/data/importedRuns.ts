import type { ImportedRuns } from '#shared/contract.ts';
import { formatPlural } from './format.ts';

/** What an import of runs came to, as a notice. */
export function describeImport({ runs, missingDatasets }: ImportedRuns): { title: string; detail?: string } {
  const there = runs.filter(({ outcome }) => outcome === 'there').length;
  const renamed = runs.filter(({ outcome }) => outcome === 'addedUnderNewId').length;
  const details = [
    ...(there > 0 ? [`${formatPlural(there, 'run')} ${there === 1 ? 'was' : 'were'} here already.`] : []),
    ...(renamed > 0
      ? [`${formatPlural(renamed, 'run')} got a new id: ${renamed === 1 ? 'its own is' : 'theirs are'} taken here.`]
      : []),
    ...missingDatasets.map((id) => `The data set “${id}” is not in this lab: import it to resume its runs.`),
  ];
  const title = `${formatPlural(runs.length - there, 'run')} imported.`;
  return details.length === 0 ? { title } : { title, detail: details.join(' ') };
}
