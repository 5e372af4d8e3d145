import { join } from 'node:path';
import type { Command } from 'commander';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { LabError } from '#shared/errors.ts';
import { createDatasetService, type DatasetService, type ImportProgress } from '../datasets/datasetService.ts';
import type { CommandContext } from './context.ts';
import { followJob } from './followJob.ts';
import { formatBytes, formatTable } from './format.ts';
import { ProgressLine, showImportProgress } from './progressLine.ts';
import type { LabSession } from './session.ts';

export function addDatasetCommands(program: Command, context: CommandContext): void {
  const datasets = program.command('datasets').description('The data sets of a lab.');
  datasets
    .command('import')
    .description('import a folder or archive, such as CIFAR-10’s binary version')
    .argument('<path>', 'folder or .tar.gz')
    .option('--name <name>', 'name of the data set')
    .action((path: string, options: { name?: string }) => importDataset(context, path, options.name));
  datasets
    .command('list', { isDefault: true })
    .description('all data sets')
    .action(() => listDatasets(context));
  datasets
    .command('show')
    .description('everything about one data set')
    .argument('<id>')
    .action((id: string) => showDataset(context, id));
  datasets
    .command('verify')
    .description('read every byte again and compare with the checksums')
    .argument('<id>')
    .action((id: string) => verifyDataset(context, id));
  datasets
    .command('remove')
    .description('delete a data set')
    .argument('<id>')
    .action((id: string) => removeDataset(context, id));
  datasets
    .command('example')
    .description('make the example data set (in seconds, from a seed)')
    .action(() => makeExample(context));
}

/** Data sets are read from the lab folder, whoever owns the lab: each is there whole or not at all. */
export function openDatasets(context: CommandContext): DatasetService {
  return createDatasetService({ datasetsDirectory: join(context.labDirectory, 'datasets') });
}

const importHint = (context: CommandContext): string =>
  `Make the example with \`${context.commandLine('datasets example')}\`, or import one with \`${context.commandLine('datasets import PATH')}\`.`;

function describeDataset(dataset: DatasetDocument, notes = dataset.provenance.notes): string {
  const { height, width, channels } = dataset.image;
  return [
    `${dataset.name} (${dataset.id})`,
    `images      ${height}×${width}×${channels}, ${dataset.training.count} training, ${dataset.validation.count} validation`,
    `classes     ${dataset.classNames.length}: ${dataset.classNames.join(', ')}`,
    `mean        ${dataset.normalization.mean.map((value) => value.toFixed(4)).join(', ')}`,
    `deviation   ${dataset.normalization.standardDeviation.map((value) => value.toFixed(4)).join(', ')}`,
    `checksum    ${dataset.checksum}`,
    `made by     ${dataset.provenance.kind}, ${dataset.provenance.importedAt}`,
    ...dataset.provenance.sources.map(({ name, bytes }) => `from        ${name}, ${formatBytes(bytes)}`),
    ...notes.map((note) => `note        ${note}`),
  ].join('\n');
}

async function importDataset(context: CommandContext, path: string, name: string | undefined): Promise<void> {
  await context.withLab(async (session) => {
    const { client } = session;
    const line = new ProgressLine(context.output);
    const input = { path: context.resolvePath(path), ...(name === undefined ? {} : { name }) };
    try {
      const id = await followJob(session, () => client.invoke('datasets.import', input), {
        onProgress: ({ phase, done, total }) => showImportProgress(line, { phase, done, total: total ?? 0 }),
        cancelled: new LabError(
          'cancelled',
          'The import was cancelled.',
          'Nothing was added to the lab; start it again at any time.',
        ),
      });
      line.clear();
      const dataset = await openDatasets(context).get(id);
      // Doubtful data should be noticed also where the result goes into a file.
      for (const note of dataset.provenance.notes) context.output.note(note);
      context.output.result(dataset, `Imported:\n${describeDataset(dataset, [])}`);
    } finally {
      line.clear();
    }
  });
}

async function listDatasets(context: CommandContext): Promise<void> {
  const datasets = openDatasets(context);
  const list = await datasets.list();
  for (const { message, hint } of await datasets.problems()) context.output.note(`${message} ${hint}`);
  if (list.length === 0) context.output.note(`This lab has no data set yet. ${importHint(context)}`);
  const table = formatTable(list, [
    { title: 'id', value: (dataset) => dataset.id },
    { title: 'name', value: (dataset) => dataset.name },
    { title: 'image', value: ({ image }) => `${image.height}×${image.width}×${image.channels}` },
    { title: 'classes', value: (dataset) => String(dataset.classNames.length), align: 'right' },
    { title: 'training', value: (dataset) => String(dataset.training.count), align: 'right' },
    { title: 'validation', value: (dataset) => String(dataset.validation.count), align: 'right' },
  ]);
  context.output.result(list, list.length === 0 ? '' : table);
}

async function showDataset(context: CommandContext, id: string): Promise<void> {
  const dataset = await openDatasets(context).get(id);
  context.output.result(dataset, describeDataset(dataset));
}

async function verifyDataset(context: CommandContext, id: string): Promise<void> {
  const verification = await openDatasets(context).verify(id);
  if (!verification.ok) context.exitStatus = 1;
  context.output.result(
    verification,
    verification.ok
      ? `${verification.id} is whole.`
      : [`${verification.id} is damaged:`, ...verification.problems, 'Remove it and import it again.'].join('\n'),
  );
}

async function removeDataset(context: CommandContext, id: string): Promise<void> {
  await context.withLab(async ({ client }) => {
    await client.invoke('datasets.remove', { id });
    context.output.result({ removed: id }, `Removed ${id}.`);
  });
}

/** Makes the example where it is not there, and shows how that goes; Ctrl+C cancels it. @returns its id. */
export async function ensureExample(
  context: CommandContext,
  session: LabSession,
  onProgress: (progress: ImportProgress) => void = () => undefined,
): Promise<string> {
  const line = new ProgressLine(context.output);
  try {
    return await followJob(session, () => session.client.invoke('datasets.ensureExample', {}), {
      onProgress: ({ phase, done, total }) => {
        const progress = { phase, done, total: total ?? 0 };
        showImportProgress(line, progress);
        onProgress(progress);
      },
      cancelled: new LabError(
        'cancelled',
        'Making the example data set was cancelled.',
        'Nothing was added to the lab; start again at any time.',
      ),
    });
  } finally {
    line.clear();
  }
}

async function makeExample(context: CommandContext): Promise<void> {
  await context.withLab(async (session) => {
    const dataset = await openDatasets(context).get(await ensureExample(context, session));
    context.output.result(dataset, describeDataset(dataset));
  });
}
