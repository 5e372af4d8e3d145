import type { Handlers } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import { readDatasetPreview } from '../../datasets/datasetPreview.ts';
import type { Lab } from '../../lab.ts';
import type { ContractContext } from '../context.ts';

export function datasetHandlers({
  lab,
  jobs,
  events,
  onImported,
}: ContractContext): Pick<
  Handlers,
  | 'datasets.list'
  | 'datasets.inspect'
  | 'datasets.import'
  | 'datasets.ensureExample'
  | 'datasets.preview'
  | 'datasets.verify'
  | 'datasets.remove'
> {
  /** One person looks at one folder: a new inspection ends the one before. */
  let inspection = new AbortController();

  return {
    'datasets.list': () => lab.datasets.list(),
    async 'datasets.inspect'({ path }) {
      inspection.abort();
      inspection = new AbortController();
      return lab.datasets.inspect(path, { signal: inspection.signal });
    },
    async 'datasets.import'({ path, name }) {
      inspection.abort();
      const job = jobs.start({
        kind: 'importDataset',
        title: `Import ${name ?? path}`,
        unit: 'images',
        key: `import ${path} ${name ?? ''}`,
        async run({ signal, report }) {
          const document = await lab.datasets.import(path, {
            ...(name === undefined ? {} : { name }),
            signal,
            onProgress: (progress) => {
              report({ ...progress, unit: progress.phase === 'reading' ? 'images' : 'bytes' });
            },
          });
          events.emit('datasetsChanged', {});
          onImported(path);
          return document.id;
        },
      });
      return Promise.resolve(job);
    },
    async 'datasets.ensureExample'() {
      const job = jobs.start({
        kind: 'exampleDataset',
        title: 'Make the example data set',
        unit: 'images',
        key: 'example',
        async run({ signal, report }) {
          const { id } = await lab.datasets.ensureExample({ onProgress: report, signal });
          events.emit('datasetsChanged', {});
          return id;
        },
      });
      return Promise.resolve(job);
    },
    async 'datasets.preview'({ id, split, label, count, seed }) {
      const document = await lab.datasets.get(id);
      return readDatasetPreview(lab.datasets.directory(document.id), document, {
        split,
        count,
        seed,
        ...(label === undefined ? {} : { label }),
      });
    },
    'datasets.verify': ({ id }) => lab.datasets.verify(id),
    async 'datasets.remove'({ id }) {
      await requireUnused(lab, id);
      await lab.datasets.remove(id);
      events.emit('datasetsChanged', {});
      return null;
    },
  };
}

/** @throws LabError `invalidState` where a run trains on the data set, or waits to. */
async function requireUnused(lab: Lab, idOrName: string): Promise<void> {
  // A damaged data set has no name.
  const document = await lab.datasets.get(idOrName).catch(() => null);
  const names = [idOrName, document?.id, document?.name];
  const { training, waiting } = lab.runs.queueState();
  const user = [...training, ...waiting].find((id) => names.includes(lab.runs.get(id).document.dataset.id));
  if (user === undefined) return;
  throw new LabError(
    'invalidState',
    `Run ${user} uses the data set “${document?.name ?? idOrName}”.`,
    'Wait until it is done, or stop it first; a stopped run needs the data set again when it is resumed.',
  );
}
