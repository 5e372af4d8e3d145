import type { Command } from 'commander';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import type { ImportProgress } from '../datasets/datasetService.ts';
import type { CommandContext } from './context.ts';
import { formatBytes, formatTable } from './format.ts';
import { ProgressLine } from './progressLine.ts';

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

/** Shows an import or the making of the example. */
export function showImportProgress(line: ProgressLine, { phase, done, total }: ImportProgress): void {
  // Small totals are images, large ones bytes; the phase says which is meant.
  const amount = total > 1e6 ? `${formatBytes(done)} of ${formatBytes(total)}` : `${done} of ${total}`;
  line.update(phase, total > 0 ? done / total : null, amount);
}

const importHint = (context: CommandContext): string =>
  `Make the example with \`${context.commandLine('datasets example')}\`, or import one with \`${context.commandLine('datasets import PATH')}\`.`;

function describeDataset(dataset: DatasetDocument): string {
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
    ...dataset.provenance.notes.map((note) => `note        ${note}`),
  ].join('\n');
}

async function importDataset(context: CommandContext, path: string, name: string | undefined): Promise<void> {
  await context.withLab(async (lab) => {
    const line = new ProgressLine(context.output);
    const abort = new AbortController();
    const interrupt = (): void => {
      abort.abort();
    };
    process.once('SIGINT', interrupt);
    try {
      const dataset = await lab.datasets.import(context.resolvePath(path), {
        ...(name === undefined ? {} : { name }),
        signal: abort.signal,
        onProgress: (progress) => {
          showImportProgress(line, progress);
        },
      });
      line.clear();
      context.output.result(dataset, `Imported:\n${describeDataset(dataset)}`);
    } finally {
      line.clear();
      process.off('SIGINT', interrupt);
    }
  });
}

async function listDatasets(context: CommandContext): Promise<void> {
  const list = await context.datasets.list();
  for (const { message, hint } of await context.datasets.problems()) context.output.note(`${message} ${hint}`);
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
  const dataset = await context.datasets.get(id);
  context.output.result(dataset, describeDataset(dataset));
}

async function verifyDataset(context: CommandContext, id: string): Promise<void> {
  const verification = await context.datasets.verify(id);
  if (!verification.ok) context.exitStatus = 1;
  context.output.result(
    verification,
    verification.ok
      ? `${verification.id} is whole.`
      : [`${verification.id} is damaged:`, ...verification.problems, 'Remove it and import it again.'].join('\n'),
  );
}

async function removeDataset(context: CommandContext, id: string): Promise<void> {
  await context.withLab(async (lab) => {
    await lab.datasets.remove(id);
    context.output.result({ removed: id }, `Removed ${id}.`);
  });
}

async function makeExample(context: CommandContext): Promise<void> {
  await context.withLab(async (lab) => {
    const line = new ProgressLine(context.output);
    const dataset = await lab.datasets.ensureExample((progress) => {
      showImportProgress(line, progress);
    });
    line.clear();
    context.output.result(dataset, describeDataset(dataset));
  });
}
